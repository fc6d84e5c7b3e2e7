"""gunicorn -c samples/call_desk/gunicorn_conf.py samples.django_app.wsgi:application serves it."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samples.django_app.settings")
application = get_wsgi_application()
