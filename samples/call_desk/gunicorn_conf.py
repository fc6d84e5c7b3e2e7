"""gunicorn -c samples/call_desk/gunicorn_conf.py samples.flask_app.app:app (or samples.django_app.wsgi:application).

One process, because it keeps the transcripts of the calls that it follows; and a thread for each page that reads one,
and some more. The sync worker works too: there pages come again every second, since a stream would occupy it.
"""

import signal

workers = 1
worker_class = "gthread"
threads = 120
control_socket_disable = True  # or gunicorn writes one into the home directory


def post_worker_init(worker):
    """End calls, and with them the streams of their pages, before the worker waits for its requests to end."""
    from samples.call_desk import desk

    desk.supervisor.close_on_signals(signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
