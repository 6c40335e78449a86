"""The one-command runner: broker, web, worker and beat as one supervised program, and the demo."""
