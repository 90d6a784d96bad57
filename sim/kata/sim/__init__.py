"""Simulation: robots, scenes, worlds, facts from physics, tasks and scripted experts."""
