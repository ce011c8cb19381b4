"""Texts that people write to our senders, and what the network answers them."""

from __future__ import annotations

from local.carrier.clock import utc_now
from local.carrier.event_grid import EventGrid
from local.carrier.events import Event, Inbound, received_event
from local.carrier.handsets import Bubble, BubbleState, Direction, Handsets
from local.carrier.ids import new_guid, new_message_id
from local.carrier.opt_outs import OptOuts, action_of
from local.carrier.segments import measure
from local.carrier.senders import Sender
from local.carrier.trouble import OptOutMode, Switches


class InboundTexts:
    """Takes a person's text: always relayed as SMSReceived, and acted on where opt-outs are handled here."""

    def __init__(self, switches: Switches, handsets: Handsets, opt_outs: OptOuts, grid: EventGrid) -> None:
        self._switches = switches
        self._handsets = handsets
        self._opt_outs = opt_outs
        self._grid = grid

    def take(self, person: str, sender: Sender, text: str) -> tuple[Inbound, Event]:
        """Show the text on the person's handset, apply keywords and raise the event."""
        now = utc_now()
        size = measure(text)
        message_id = new_message_id("Incoming", self._switches.trouble.message_id_style, now)
        inbound = Inbound(message_id, person, sender.value, text, now, size.segments)
        received, direction = BubbleState.RECEIVED, Direction.FROM_HANDSET
        self._handsets.show(person, Bubble(message_id, direction, sender.value, text, now, received, size))
        if self._switches.trouble.opt_out_mode is OptOutMode.SERVICE:
            self._act(person, sender, text)
        event = received_event(inbound, utc_now(), self._switches.trouble)
        self._grid.raise_event(event)
        return inbound, event

    def _act(self, person: str, sender: Sender, text: str) -> None:
        action = action_of(sender, text)
        if action is None:
            return
        reply = self._opt_outs.apply(sender, person, action)
        bubble = Bubble(
            id=new_guid(),
            direction=Direction.TO_HANDSET,
            sender=sender.value,
            text=reply,
            at=utc_now(),
            state=BubbleState.DELIVERED,
            size=measure(reply),
            network=True,
        )
        self._handsets.show(person, bubble)
