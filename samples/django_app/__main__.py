"""Voice calls in a Django application: python -m samples.django_app runserver, from a clone.

Without OPENAI_API_KEY a local server answers the calls.
"""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samples.django_app.settings")
execute_from_command_line([sys.argv[0], *(sys.argv[1:] or ["runserver"])])
