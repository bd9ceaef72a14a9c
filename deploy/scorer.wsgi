"""The application for Apache's mod_wsgi: see deploy/apache.conf."""

from server import create_app
from server.shared_metrics import share_among_siblings

# Whichever process is asked for /metrics tells the sum of all.
share_among_siblings()
application = create_app()
