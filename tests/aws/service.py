# SPDX-License-Identifier: Apache-2.0
"""What all emulated services have."""


class Service:
    def __init__(self, emulator):
        self.emulator = emulator
        self.account, self.region = emulator.account, emulator.region

    def now(self):
        return self.emulator.now()
