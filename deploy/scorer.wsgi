"""The application for Apache's mod_wsgi: see deploy/apache.conf."""

import server
from server.shared_metrics import share_among_siblings

# Whichever process is asked for /metrics tells the sum of all. Before the application is loaded.
share_among_siblings()
application = server.create_app()
