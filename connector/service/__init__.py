"""The process itself: settings, start-up, schedules, worker, telemetry."""
