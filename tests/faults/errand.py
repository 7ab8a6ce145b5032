"""One union's errand, from the roster to the last card handed out, and what it must come to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.people import HastyOperator
from unioncard_cli.roster import Person, Trait
from unioncard_cli.story import CardStory

CHANNELS = ("normal", "special")


@dataclass(slots=True)
class Errand:
    """What a union did. ``fates`` says of each member which steps its card log must hold, in their order."""

    story: CardStory
    union: HastyOperator
    superior: HastyOperator
    people: Sequence[Person]
    begin: Callable[[str], None]
    numbers: list[str] = field(default_factory=list)
    fates: dict[int, list[str]] = field(default_factory=dict)
    doing: str = "nothing yet"

    def run(self) -> None:
        """All of it; raises what goes wrong."""
        self._become_members()
        for channel in CHANNELS:
            self._step(f"check {channel}")
            self._check(channel)
            self._step(f"submit {channel}")
            self._submit(channel)
        self._failed_again()
        for number in self.numbers:
            self._step(f"hand out {number}")
            self._hand_out(number)
        self._step("repeat")
        self.union.repeat_the_rest()
        self.superior.repeat_the_rest()

    def _step(self, what: str) -> None:
        self.doing = what
        self.begin(f"{self.union.login}: {what}")

    def _become_members(self) -> None:
        story, count = self.story, len(self.people)
        self._step("offices")
        story.tell_offices(self.people)
        self._step("upload")
        import_id = story.upload(self.people)
        self._step("approve")
        assert story.approve(import_id) == count
        self._step("wait for members")
        story.wait_for_members(count)
        self._step("add")
        added = story.add_all()
        assert added["added"] == added["normal"] + added["special"] == count, added
        for row in self.union.pages("card", "/cards"):
            self.fates[row["member_id"]] = ["added"]

    def _check(self, channel: str) -> None:
        self._note(self._listed(channel), "check_requested")
        checked = self.story.check(channel)
        self._step(f"remove {channel}")
        bad = {row["member_id"] for row in self._todo(channel) if row["check_state"] != "passed"}
        listed = self._listed(channel)
        assert (checked["passed"], checked["not_passed"]) == (len(listed) - len(bad), len(bad)), checked
        self._note(set(listed) - bad, "check_passed")
        self._note(bad, "check_not_passed", "removed")
        assert self.story.remove_not_passed(channel) == len(bad)

    def _submit(self, channel: str) -> None:
        self._note(self._listed(channel), "submitted")
        numbers = self.story.submit(channel)
        for number in numbers:
            self._step(f"bank {number}")
            counts = self.story.wait_for_bank(number)["counts"]
            for row in self.story.members_of(number):
                self._note([row["member_id"]], row["outcome"])
            self._step(f"notice {number}")
            if counts["issued"]:
                self.story.wait_for_notice(number)
        self.numbers += numbers

    def _failed_again(self) -> None:
        """Whom the normal channel failed takes the special one."""
        self._step("failed again")
        failed = [row for row in self.union.pages("card", "/cards") if row["state"] == "failed"]
        again = [row["member_id"] for row in failed if row["channel"] == "normal"]
        if not again:
            return
        self.story.union.post("card", "/todo", {"member_ids": again})
        self._note(again, "added")
        switched = self._listed("normal")
        self._note(switched, "channel_changed")
        for member in switched:
            self.story.switch_channel(member, "special")
        self._check("special")
        self._submit("special")

    def _hand_out(self, number: str) -> None:
        batch = self.story.batch(number)
        issued = [row["member_id"] for row in self.story.members_of(number) if row["outcome"] == "issued"]
        if not issued:
            return
        alone = issued[:2] if batch["channel"] == "normal" else []
        if batch["channel"] == "normal":
            self.story.record_call(number)
        self._step(f"pick up {number}")
        counts = self.story.pick_up(number, alone)["counts"]
        assert (counts["collected"], counts["in_person"]) == (len(issued) - len(alone), len(alone)), counts
        if batch["channel"] == "normal":  # on the special channel members got their cards at the counter
            self._note(alone, "in_person")
            self._note(issued[len(alone) :], "collected")

    def _todo(self, channel: str) -> list[dict[str, Any]]:
        return list(self.union.pages("card", "/todo", channel=channel))

    def _listed(self, channel: str) -> list[int]:
        return [row["member_id"] for row in self._todo(channel)]

    def _note(self, members: Sequence[int] | set[int], *steps: str) -> None:
        for member in members:
            self.fates[member] += steps

    @property
    def not_passing(self) -> int:
        """How many the offices turn down."""
        return sum(one.trait in (Trait.RETIRED, Trait.UNEMPLOYED) for one in self.people)
