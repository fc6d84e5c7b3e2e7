"""What a session remembers, to go on with another server where it left off with the last. Pure.

journal       sees all that passes, and says what a new server has to be told
outbound      what was sent and not answered
sound         the user's sound that no turn has been made of; speech: the turns that nobody has written down
turns         where the server stands with what the user says
settings      all updates of the session as one
restoration   one attempt to tell it, and its answers
"""
