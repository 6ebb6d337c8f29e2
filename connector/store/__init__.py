"""The worker's durable memory: one SQLite file per org.

Open it with :meth:`connector.store.state.State.open`; everything else hangs off that object.
"""
