"""Skills: contracts, library, planning, handover, execution and evidence, low to high."""
