"""Other formats in and out: LeRobot, robomimic's HDF5, and bags of ROS 2."""
