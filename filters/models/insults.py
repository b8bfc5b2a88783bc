"""Insults to the reader and to third persons, and friendly sentences of the same shape, in parts.

Comment sets differ most in their subjects; what they share is how people insult one another. The friendly twin keeps
"you are a" and "what a bunch of" from counting as the insult.
"""

from __future__ import annotations

from phrases import phrases

INSULT_NOUNS = phrases("""
idiot; moron; loser; clown; fool; liar; coward; troll; jerk; imbecile; bigot; hypocrite; fraud; creep; pig; rat; snake;
scumbag; crybaby; brat; lunatic; psycho; dumbass; retard; bastard; asshole; bitch; cunt; dick; prick; whore; slut;
shithead; douchebag; pervert; traitor; thug; bully; nobody; disgrace; joke; parasite; nutjob; dimwit; halfwit; dunce
""")
INSULT_ADJECTIVES = phrases("""
stupid; pathetic; disgusting; ignorant; worthless; miserable; fat; ugly; dumb; sad; clueless; arrogant; spineless;
brainless; useless; lazy; sick; filthy; delusional; crazy; braindead; fucking; damn; bloody; lying; little; whiny
""")
INSULTS = phrases("""
you are a {adjective} {noun}; you {adjective} {noun}; you're such a {noun}; what a {adjective} {noun}; shut up {noun};
shut up you {adjective} {noun}; go to hell {noun}; get lost {noun}; he is a {adjective} {noun}; she is a {noun};
they are all {adjective} {noun}s; what a bunch of {noun}s; only a {noun} would believe this;
are you {adjective} or just a {noun}; you people are {adjective}; you sound like a {noun}; stop being such a {noun};
i hate this {noun}; this {noun} is {adjective}; nobody likes you {noun}; you are too {adjective} to understand;
your comment is {adjective}; trump is a {noun}; obama is a {noun}; the mayor is a {adjective} {noun};
go kill yourself {noun}; drop dead {noun}; you should be ashamed, you {adjective} {noun}; typical {noun}; {noun}!;
kiss my ass {noun}; hope you die you {noun}
""")

FRIENDLY_NOUNS = phrases("""
friend; teacher; doctor; editor; student; neighbour; writer; player; reader; member; fan; driver; singer; coach; user;
nurse; parent; voter; citizen; worker; author; artist; manager; colleague
""")
FRIENDLY_ADJECTIVES = phrases("""
good; great; kind; smart; helpful; nice; clever; brave; lovely; wonderful; interesting; new; young; old; careful; busy;
tired; happy; funny; honest; quiet; famous
""")
FRIENDLY = phrases("""
you are a {adjective} {noun}; you're such a {noun}; what a {adjective} {noun}; thank you {noun};
he is a {adjective} {noun}; she is a {noun}; they are all {adjective} {noun}s; what a bunch of {noun}s;
only a {noun} would know this; are you {adjective} or just a {noun}; you people are {adjective};
you sound like a {noun}; i like this {noun}; this {noun} is {adjective}; everybody likes you {noun};
your comment is {adjective}; trump is a {noun}; obama is a {noun}; the mayor is a {adjective} {noun};
you should be proud, you {adjective} {noun}; typical {noun}; {noun}!; i agree with you {noun};
you are too {adjective} to do that; i hope you get well soon {noun}; do not shut up, {noun}
""")
