"""Speakers, microphones and what feeds them: nothing here knows a session."""
