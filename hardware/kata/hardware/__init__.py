"""Real robots: drivers, teleoperation devices, ROS 2 nodes, safety and the cockpit in the browser.

Empty for now. What comes here stands on `kata.skills`, `kata.sim`, `kata.policies` and
`kata.datasets`; a driver offers the same `World` as the simulation, so that the executor does not
know which of the two it moves.
"""
