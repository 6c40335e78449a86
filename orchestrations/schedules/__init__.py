"""When orchestrations and groups run by themselves: rules of time, what follows what, and the tick that starts it."""
