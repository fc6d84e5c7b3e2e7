"""Runs the application with Flask's own server, to try it."""

import sys

from samples.flask_app.app import app

port = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
print(f"Open http://127.0.0.1:{port}/")
app.run(port=port, threaded=True)
