"""A record processor of amazon_kclpy: one process per shard, which the MultiLangDaemon talks to by standard
input and output. What it sees it appends to the file FANLIGHT_OUTPUT:
`start SHARD`, `record SHARD SEQUENCE_NUMBER DATA`, `end SHARD`, `lost SHARD`.
"""

import os
import time

from amazon_kclpy import kcl
from amazon_kclpy.v3 import processor

SECONDS_BETWEEN_CHECKPOINTS = 1


class RecordProcessor(processor.RecordProcessorBase):
    def __init__(self):
        self._output = os.open(os.environ["FANLIGHT_OUTPUT"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._shard = None
        self._checkpointed = 0.0

    def initialize(self, initialize_input):
        self._shard = initialize_input.shard_id
        self._checkpointed = time.monotonic()
        self._say(["start"])

    def process_records(self, process_records_input):
        records = process_records_input.records
        self._say(*(["record", it.sequence_number, it.binary_data.decode()] for it in records))
        if time.monotonic() - self._checkpointed >= SECONDS_BETWEEN_CHECKPOINTS:
            process_records_input.checkpointer.checkpoint()
            self._checkpointed = time.monotonic()

    def lease_lost(self, lease_lost_input):
        self._say(["lost"])

    def shard_ended(self, shard_ended_input):
        shard_ended_input.checkpointer.checkpoint()
        self._say(["end"])

    def shutdown_requested(self, shutdown_requested_input):
        shutdown_requested_input.checkpointer.checkpoint()

    def _say(self, *lines):
        """Appends all at once: the processes of other shards write to the same file."""
        text = "".join(" ".join([what, self._shard, *rest]) + "\n" for what, *rest in lines)
        os.write(self._output, text.encode())


if __name__ == "__main__":
    kcl.KCLProcess(RecordProcessor()).run()
