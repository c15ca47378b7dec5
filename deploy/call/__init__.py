"""`liveconvo call`: recorded speech through real WebRTC calls, and one participant's view of what comes of it."""

from deploy.call.command import run

__all__ = ["run"]
