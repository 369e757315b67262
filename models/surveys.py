"""Surveys: asked, and answered with ratings; of several answers to one survey the last stands.

Steps of the record (models/contact.py), as in models/visits.py.
"""

from typing import TYPE_CHECKING, Final

from models.book import Key
from models.contribution import Cells, Contribution
from models.facts import Fact
from models.measures import (
    CES_POINTS,
    CES_RATED,
    COHORT_SURVEYS_ANSWERED,
    CSAT_GOOD,
    CSAT_POINTS,
    CSAT_RATED,
    NPS_DETRACTORS,
    NPS_PROMOTERS,
    NPS_RATED,
    RATED_RESOLVED,
    RATED_UNRESOLVED,
    SURVEYS_ANSWERED,
    SURVEYS_OFFERED,
)
from models.more import Survey, more_of
from models.places import key_of, people_of

if TYPE_CHECKING:
    from models.contact import Contact

_ANSWERED: Final[Cells] = ((COHORT_SURVEYS_ANSWERED, 1),)


def _of(contact: "Contact", name: str | None) -> Survey:
    more = more_of(contact)
    for survey in more.surveys:
        if survey.name == name:
            return survey
    survey = Survey(name)
    more.surveys += (survey,)
    return survey


def _key(contact: "Contact", agent: str | None, queue: str | None, out: Contribution) -> Key:
    """Return the queue that is named, else that of the last handling (by that person), else the contact's."""
    if queue is None:
        people = people_of(contact)
        for n in range(len(people) - 2, -1, -2):
            if agent is None or people[n] == agent:
                key = people[n + 1]
                return key[0], key[1]
    return key_of(contact, queue, None, out)


def offered(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    at, name, agent, queue = fact[0], fact[5], fact[6], fact[7]
    key = _key(contact, agent, queue, out)
    _of(contact, name).offered = key, at
    out.counted.append((key, at, ((SURVEYS_OFFERED, 1),), 1))
    return True


def rated(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    at, name, agent, queue = fact[0], fact[5], fact[6], fact[7]
    survey = _of(contact, name)
    if survey.answer is not None:
        out.counted.append((*survey.answer, -1))
    if survey.answered is not None:
        out.counted.append((*survey.answered, _ANSWERED, -1))
    if survey.offered is not None:
        out.counted.append((*survey.offered, _ANSWERED, 1))
    survey.answered = survey.offered
    survey.answer = _key(contact, agent, queue, out), at, _cells(fact)
    out.counted.append((*survey.answer, 1))
    return True


def _cells(fact: Fact) -> Cells:
    csat, scale, nps, ces, resolved = fact[8:13]
    cells: Cells = ((SURVEYS_ANSWERED, 1),)
    if csat is not None:
        good = 5 * csat >= 4 * scale
        cells += (CSAT_RATED, 1), (CSAT_GOOD, int(good)), (CSAT_POINTS, (5_000 * csat + scale // 2) // scale)
    if nps is not None:
        cells += (NPS_RATED, 1), (NPS_PROMOTERS, int(nps >= 9)), (NPS_DETRACTORS, int(nps <= 6))
    if ces is not None:
        cells += (CES_RATED, 1), (CES_POINTS, ces)
    if resolved is not None:
        cells += ((RATED_RESOLVED if resolved else RATED_UNRESOLVED, 1),)
    return cells
