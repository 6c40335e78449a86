"""A run's way: started, prepared, delivered, judged, finished; and what people and programs are told of it."""
