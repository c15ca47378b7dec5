"""`liveconvo transcribe`: recorded files through the engine of live calls, faster than real time."""

from deploy.transcribe.command import run

__all__ = ["run"]
