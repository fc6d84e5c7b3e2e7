"""A Django project without a database: what it knows of a call, it knows while the call lasts."""

import os

from django.core.management.utils import get_random_secret_key

from samples.call_desk import pages
from samples.call_desk.front_desk import BODY_LIMIT

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or get_random_secret_key()
DEBUG = False
ALLOWED_HOSTS = pages.HOSTS
ROOT_URLCONF = "samples.django_app.urls"
WSGI_APPLICATION = "samples.django_app.wsgi.application"
MIDDLEWARE = [
    "samples.django_app.middleware.keep_to_itself",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
CSRF_COOKIE_SAMESITE = "Strict"
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT
USE_TZ = True
