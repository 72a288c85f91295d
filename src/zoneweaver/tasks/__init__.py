"""Who runs it and what if they die: sagas, the queue, the engine, events. Knows no zones."""
