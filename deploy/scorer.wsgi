"""The application for Apache's mod_wsgi: see deploy/apache.conf."""

from server import create_app

application = create_app()
