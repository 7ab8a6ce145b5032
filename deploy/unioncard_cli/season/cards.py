"""A union whose members all hold a card, which a season needs before it begins."""

from collections.abc import Sequence

from unioncard_cli.roster import Person
from unioncard_cli.story import CardStory


def give_cards(story: CardStory, people: Sequence[Person]) -> None:
    """From the roster to the card in hand. Nothing is done where the union has members already."""
    if story.union.get("card", "/cards", limit=1)["total"]:
        return
    story.approve(story.upload(people))
    story.wait_for_members(len(people))
    story.add_all()
    story.check("normal")
    story.remove_not_passed("normal")
    for number in story.submit("normal"):
        story.wait_for_bank(number)
        story.wait_for_notice(number)
        story.record_call(number)
        story.pick_up(number)
