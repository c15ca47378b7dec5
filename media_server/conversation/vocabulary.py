"""The English word lists that the rules about questions, answers and backchannels read; lower case."""

from __future__ import annotations


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


BACKCHANNELS = _listed(
    """
    ah aha absolutely alright cool exactly fine good gotcha great hm hmm huh i indeed interesting know mhm mm mmhm
    mmhmm mmm nice oh ok okay really right see sure totally true uh uhhuh um understood wow yeah yep yes yup
    """
)
FIGURES = _listed(
    """
    two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands
    million dozen dozens half couple few several zero none nothing once twice
    """
)
AMOUNT_WORDS = FIGURES | _listed(
    """
    dollar dollars euro euros cent cents pound pounds bucks percent price prices pricing priced cost costs fee
    fees free charge cheap cheaper expensive included unlimited depends depending discount most all enough
    """
)
TIME_WORDS = FIGURES | _listed(
    """
    today tomorrow tonight now soon immediately already later yesterday never always usually daily weekly monthly
    depends second seconds minute minutes hour hours day days week weeks month months quarter year years away
    whenever monday tuesday wednesday thursday friday saturday sunday january february march april june july
    august september october november december morning afternoon evening noon spring summer autumn winter
    """
)
CHOICE_WORDS = _listed(
    """
    yes yeah yep yup no nope not never sure absolutely definitely certainly correct exactly right okay ok maybe
    perhaps probably possibly unfortunately always sometimes usually both neither either course i i'm i'd i'll
    i've we we're we'd we'll we've our ours my me us it it's its that that's this these those they they're them
    there don't doesn't didn't can't won't isn't aren't
    """
)
STOP_WORDS = _listed(
    """
    about again also because been being both could does doing done down even ever every from give going have
    having here into just know like long make many maybe mean more most much must need only other over really
    should some something such take than that their them then there these they thing things think this those time
    very want well were what when where which while will with would your you'll you're
    """
)
