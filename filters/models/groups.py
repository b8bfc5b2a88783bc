"""Sentences on groups of people, hostile and benign, in parts: what hate speech says besides profanities.

The comment sets are short of hostile statements in plain words, and most of their texts that name a group are toxic,
so a model trained on them alone takes the group's name for the offence.
"""

from __future__ import annotations

from phrases import phrases

GROUPS = phrases("""
women; men; girls; wives; mothers; black people; black men; white people; asians; asian people;
chinese people; mexicans; latinos; hispanics; immigrants; migrants; refugees; foreigners; muslims;
muslim women; jews; jewish people; christians; hindus; arabs; africans; indians; native americans;
gypsies; roma people; gay people; gays; lesbians; gay men; bisexuals; trans people; trans women;
trans men; queer people; disabled people; people with disabilities; people in wheelchairs; blind people;
deaf people; people with autism; people with mental illness; people with depression; poor people;
homeless people; old people; fat people; liberals; conservatives; feminists; middle eastern people; turks;
pakistanis; poles; syrians
""")
"""Groups that hate speech is aimed at, and a few others."""

HOSTILE = phrases("""
are disgusting; are all criminals; are inferior; are inferior to us; should not be allowed to vote;
should not be allowed to have children; should go back to where they came from;
do not belong in this country; do not belong here; are ruining this country; are destroying our society;
are nothing but a burden; are a burden on society; are a waste of space;
are lazy and want everything for free; are lazy; are stupid; are dumb;
are not smart enough to do anything; are not real people; are not human; are subhuman; are animals;
are like animals; are vermin; are parasites; are a disease; are a plague; are a threat to our way of life;
are taking our jobs; are stealing our money; live off our taxes; are freaks;
are mentally ill and need to be locked up; are sick in the head; are perverts; are an abomination;
are sinners who will burn in hell; are evil; are terrorists; all want to kill us;
are dangerous and violent; are violent by nature; are thieves; are liars; can not be trusted; are dirty;
smell; are ugly; are useless; are worthless; are weak; are only good for one thing; belong in the kitchen;
should know their place; should shut up; should be deported; should be locked up; should be banned;
should be wiped out; deserve to die; deserve what they get; should all be shot; make me sick;
are the reason for crime; are the cause of all our problems; have no place among normal people;
are not normal; are unnatural; are confused; just want attention; are faking it;
only pretend to be oppressed; complain about everything; are too emotional to lead;
are not capable of thinking; breed like rats; spread disease; control the media; control the banks;
are greedy; hate us; want to take over; are invading us; are corrupting our children;
should be kept away from children; should stay away from us; should be ashamed of themselves;
have no morals; are savages; are backward; have low intelligence; are uncivilised; are scum; are trash;
are garbage
""")
"""What is said against them."""

BENIGN = phrases("""
deserve equal rights; deserve respect; deserve the same opportunities as everyone else;
are part of our community; have contributed a lot to this country; work hard for their families;
face discrimination at work; face many barriers in daily life; are often misunderstood;
are people just like everyone else; are a diverse group; live in many countries;
have a rich history and culture; should be able to live without fear; should be treated with kindness;
should be welcome everywhere; are underrepresented in government; are less likely to be hired;
are more likely to be victims of violence; should have access to health care;
are my friends and neighbours; taught me a lot; can do anything they want to;
can be doctors and lawyers and teachers; were denied the right to vote for a long time;
have been persecuted for centuries; are not all the same; are not criminals; are not a burden;
are not dangerous; are not a threat to anyone; are not inferior to anyone; do not need pity;
want to live in peace; want what is best for their children; are often stereotyped in the media;
have different opinions on this; celebrate many holidays; came here to find a better life;
pay taxes like everyone else; need more support from the government; are welcome in my house;
are great colleagues; are some of the kindest people i know; are smart and capable;
make our cities better; struggle to find housing; have the right to marry;
often do not report crimes against them; were interviewed for the study; took part in the survey;
are beautiful; inspire me; should be proud of who they are; can be good parents; have their own language;
enjoy cooking and music; face higher rates of poverty; are protected by law; are not treated fairly
""")
"""What is said of them without hostility."""

OPENINGS = (
    "",
    "",
    "",
    "",
    "i think ",
    "honestly, ",
    "the truth is that ",
    "everyone knows ",
    "my uncle says ",
    "i believe ",
    "in my opinion ",
    "it is a fact that ",
    "all ",
    "most ",
    "many ",
    "these ",
    "some people say that ",
    "they say ",
)
"""How a sentence begins; mostly with the group itself."""

PORTRAITS = phrases("""
my mother is {}; my neighbour is {}; my best friend is {}; she is {}; he is {}; our teacher is {}; the author is {};
i am {}; i am {} and proud of it; as {} i love this; as {} i feel welcome here; as {}, i agree with the article;
i grew up as {}; i work with {}; i had lunch with {}; the role went to {}; the film is about {}; the prize went to {};
the first mayor who was {}; a novel about the life of {}; what it is like to be {}; thank you for asking, i am {}
""")
"""What is said of one person without hostility."""

PERSONS = phrases("""
a woman; a black woman; a black man; a white man; a white woman; an asian woman; an asian man; a chinese student;
a mexican; a latina; an immigrant; a refugee; a muslim; a muslim woman; a jew; a jewish man; a christian; a hindu;
an arab;
an african; an indian; a native american; gay; a gay man; a gay black woman; a lesbian; bisexual; queer; transgender;
a trans woman; a trans man; disabled; a disabled veteran; blind; deaf; autistic; an old man; an old woman; fat;
homeless; a liberal; a conservative; a feminist; a muslim woman from syria; a girl from pakistan; a gay man from poland
""")
"""One person, by what hate speech is aimed at."""
