"""The desk of the sample web applications, of which there is one in a process. Making it starts nothing."""

from .front_desk import Desk
from .service import Service

desk = Desk(Service())
