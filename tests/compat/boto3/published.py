"""What other projects' tests assert about the service holds here: every fact is tried before the first complaint."""

import sys
import traceback

import published_kinesalite
import published_localstack  # noqa: F401, its facts register themselves, as do those of the next three
import published_moto  # noqa: F401
import published_records  # noqa: F401
import published_refusals
import published_settings  # noqa: F401
from common import check, verdict
from published_facts import FACTS


def complaint(fact):
    """What is wrong, or None."""
    try:
        fact.holds()
    except Exception as error:
        if not isinstance(error, AssertionError):
            traceback.print_exc(file=sys.stderr)
        return f"{fact.project} {fact.test}: {fact.statement}\n   {str(error)[:800]}"
    return None


def run():
    """All tables."""
    published_refusals.register()
    published_kinesalite.register()
    wrong = [each for each in map(complaint, FACTS) if each]
    check(not wrong, f"{len(wrong)} of {len(FACTS)} facts do not hold:\n" + "\n".join(wrong))
    projects = [fact.project for fact in FACTS]
    return {"facts": len(FACTS), **{project: projects.count(project) for project in sorted(set(projects))}}


if __name__ == "__main__":
    verdict("published", run)
