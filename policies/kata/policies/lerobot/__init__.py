"""LeRobot's policies as skills: trained by its own code, behind our `Policy` protocol.

Importing this costs nothing; LeRobot, an extra, loads where one of its policies is made.
"""

from __future__ import annotations

NAME = "lerobot"
"""What `policy.json` and a training's configuration call such a policy."""

__all__ = ["NAME"]
