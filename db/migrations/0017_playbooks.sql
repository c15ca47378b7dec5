-- The system's playbooks, one for each type of conversation: what the coach says to the host, what it must know and
-- listen for, and what a summary consists of. The shape of guidance_prompts is described in SCHEMA.md. The ids are
-- fixed, so that a playbook is the same one in every installation.
INSERT INTO templates (
    id, name, description, conversation_type, is_system_template, is_public,
    guidance_prompts, context_instructions, summary_template
) VALUES (
    '5a1e5000-0000-4000-8000-000000000001',
    'Sales conversation',
    'Find out what hurts, who decides and by when, answer what stands in the way, and leave with a next step.',
    'sales', true, true,
$playbook$[
  {"kind": "cue", "cue": "unanswered_question", "guidance_type": "clarify", "priority": 1,
   "when": "A customer's question has had no answer, or the customer evaded one of yours.",
   "say": "{name} is still waiting for an answer: “{quote}”"},
  {"kind": "cue", "cue": "interruption", "guidance_type": "avoid", "priority": 2,
   "when": "You began to speak while the customer was still speaking, and the customer stopped.",
   "say": "You cut {name} off. Say “sorry, go on”: what comes next is often the point."},
  {"kind": "cue", "cue": "long_monologue", "guidance_type": "ask", "priority": 2,
   "when": "You have been speaking for long without a question.",
   "say": "{figure} seconds without a question. Ask how this fits what they need."},
  {"kind": "cue", "cue": "talk_ratio", "guidance_type": "ask", "priority": 3,
   "when": "Most of the talking is yours, after two minutes of talk or more.",
   "say": "You have done {figure}% of the talking. Ask about their side, then listen."},
  {"kind": "cue", "cue": "silence", "guidance_type": "suggest", "priority": 2,
   "when": "Nobody has spoken for a while.",
   "say": "{figure} seconds of silence. If it was a big question, wait; else sum up and move on."},
  {"kind": "cue", "cue": "pace", "guidance_type": "warn", "priority": 3,
   "when": "You speak much faster than people follow with ease.",
   "say": "{figure} words a minute sounds like a pitch. Slow down, and pause after figures."},
  {"kind": "cue", "cue": "fillers", "guidance_type": "avoid", "priority": 3,
   "when": "Many of your words are fillers.",
   "say": "{figure}% of your words are fillers. A short pause sounds surer."},

  {"kind": "prompt", "name": "opening", "guidance_type": "suggest", "priority": 3,
   "when": "The first minutes pass without a purpose or a time frame for the call.",
   "say": "Agree on the aim and the time: “What would make this half hour worth it for you?”"},
  {"kind": "prompt", "name": "problem", "guidance_type": "ask", "priority": 2,
   "when": "The product is being explained although the customer's problem is not yet known.",
   "say": "Before explaining more, ask what made them take this call now."},
  {"kind": "prompt", "name": "impact", "guidance_type": "ask", "priority": 2,
   "when": "The customer names a problem, but not what it costs or whom it hurts.",
   "say": "Ask what that costs them: hours, money, customers. Who feels it most?"},
  {"kind": "prompt", "name": "budget", "guidance_type": "ask", "priority": 2,
   "when": "The need is clear and money has not come up, or only as a price and not as a budget.",
   "say": "Ask how such things are paid for there, and what range has been set aside."},
  {"kind": "prompt", "name": "authority", "guidance_type": "ask", "priority": 2,
   "when": "It is open who decides, or the customer mentions a boss, a committee, purchasing or legal.",
   "say": "Ask who else has a say, and what matters to each of them."},
  {"kind": "prompt", "name": "timing", "guidance_type": "ask", "priority": 2,
   "when": "A wish is there but no date, or a date without a reason.",
   "say": "Ask by when it must work, and what happens if it does not."},
  {"kind": "prompt", "name": "decision_process", "guidance_type": "ask", "priority": 2,
   "when": "Interest is plain, but the steps from here to a signature are not.",
   "say": "Ask how they bought something like this the last time, step by step."},
  {"kind": "prompt", "name": "objection", "guidance_type": "clarify", "priority": 1,
   "when": "The customer objects: price, trust, effort, a competitor, “not now”.",
   "say": "Do not answer yet. Ask what is behind it, repeat it in their words, then answer."},
  {"kind": "prompt", "name": "early_discount", "guidance_type": "avoid", "priority": 1,
   "when": "You offer a lower price, or are about to, before the value is agreed.",
   "say": "No discount yet: first agree what it is worth to them, and give only in return."},
  {"kind": "prompt", "name": "promise", "guidance_type": "warn", "priority": 1,
   "when": "You promise a feature, a date or a result that is not in the notes for this call.",
   "say": "Is that certain? Say what exists today, and when you will confirm the rest."},
  {"kind": "prompt", "name": "competitor", "guidance_type": "avoid", "priority": 2,
   "when": "A competitor comes up and you talk it down.",
   "say": "Leave the competitor their merits. Ask what they like there, and what is missing."},
  {"kind": "prompt", "name": "brush_off", "guidance_type": "clarify", "priority": 2,
   "when": "The customer asks for “some information” or wants to “think about it”.",
   "say": "Ask what exactly they want to think over, and offer a date to talk about it."},
  {"kind": "prompt", "name": "buying_signal", "guidance_type": "suggest", "priority": 2,
   "when": "The customer speaks of using it: roll-out, colleagues, contract, start date.",
   "say": "That is a buying signal. Stop selling and propose the next step."},
  {"kind": "prompt", "name": "next_step", "guidance_type": "suggest", "priority": 1,
   "when": "The call is coming to its end without an action, an owner and a date.",
   "say": "Fix the next step before you hang up: what, who, and a date in both calendars."},

  {"kind": "band", "metric": "talk_ratio", "low": 0.35, "high": 0.65,
   "why": "Whoever asks well speaks less than the customer does."},
  {"kind": "band", "metric": "longest_monologue_ms", "low": null, "high": 25000,
   "why": "After half a minute people follow the voice and not the words."},
  {"kind": "band", "metric": "patience_ms", "low": 600, "high": null,
   "why": "The second sentence comes after a pause, and it is the honest one."},
  {"kind": "band", "metric": "question_wait_ms", "low": null, "high": 4000,
   "why": "A question that is passed over comes back as a doubt."},
  {"kind": "band", "metric": "silence_ms", "low": null, "high": 8000,
   "why": "A pause after a price is useful; a longer one is awkward."},
  {"kind": "band", "metric": "pace_wpm", "low": 130, "high": 220,
   "why": "Counted within speech, without its pauses."},
  {"kind": "band", "metric": "filler_rate", "low": null, "high": 0.08,
   "why": "More of them sounds unsure of the price."}
]$playbook$,
$playbook$## Know before the call
- Who comes: company, role, what they answer for, and who else is usually asked there.
- What is offered: what it does, what it costs, what it does not do, and what may be granted.
- What is known: where the contact came from, what was said and agreed before, what they use today.
- What a good end looks like: a meeting with whoever decides, a trial, an offer by a date, or an honest no.

## Listen for
- **Discovery.** The problem in the customer's own words; since when; what it costs; what they have tried.
- **Rapport.** Do they speak more openly than at the beginning? Short answers mean that trust is missing.
- **Budget.** Is money set aside, from whose budget, and what do they spend on the problem now?
- **Authority.** Who decides, who may stop it, who will use it? Names and roles.
- **Need.** Which of the pains would they pay to be rid of, and which are only annoying?
- **Timing.** By when, and what hangs on that date?
- **Decision process.** The steps between this call and a signature: test, security, legal, purchasing.
- **Objections.** Price, trust, effort, a competitor, “not now”. Each is a question; find the one behind it.
- **Next step.** One action, one owner, one date, said aloud and agreed by both.

## Coach like this
One thing at a time, and only what can still be used in this call. Prefer a question that the host can ask word for
word. Say nothing while the customer is telling something new. Never make up a fact about the product, the price, the
customer or a competitor; rest every advice on what was said.$playbook$,
$playbook$## In short
Who spoke with whom, what they need, and where this stands now. Three sentences.

## Pains
Each problem in the customer's own words, with what it costs and whom it hurts. The one they would pay for first.

## Qualification
- **Budget:** figures and whose money, or “not said”.
- **Authority:** who decides, who may stop it, who was missing.
- **Need:** what it must do, and what would be nice.
- **Timing:** the date and the reason for it.
- **Decision process:** the steps still ahead, in order.

## Objections
What was raised, what was answered, and whether that settled it. Those still open come first.

## What was promised
By whom, what, by when. Prices, terms and features that were named, exactly as they were named.

## Closing
The probability of closing (low, medium, high) with the two or three sentences it rests on, and what would change it.

## Next step
One action, one owner, one date. If none was agreed, say so.

## To do better
One thing that worked, and one question that should have been asked.$playbook$
),
(
    '5a1e5000-0000-4000-8000-000000000002',
    'Support conversation',
    'Understand the trouble and the person, find the cause step by step, and close only when it is solved.',
    'support', true, true,
$playbook$[
  {"kind": "cue", "cue": "unanswered_question", "guidance_type": "clarify", "priority": 1,
   "when": "The customer's question has had no answer, or a question of yours was evaded.",
   "say": "{name}'s question is still open: “{quote}”"},
  {"kind": "cue", "cue": "interruption", "guidance_type": "avoid", "priority": 1,
   "when": "You began to speak while the customer was still speaking, and the customer stopped.",
   "say": "You cut {name} off. Let them finish: the detail you need may be in it."},
  {"kind": "cue", "cue": "long_monologue", "guidance_type": "ask", "priority": 2,
   "when": "You have been explaining for long without a question.",
   "say": "{figure} seconds of explaining. Ask what they see on their screen now."},
  {"kind": "cue", "cue": "talk_ratio", "guidance_type": "ask", "priority": 3,
   "when": "Most of the talking is yours, after two minutes of talk or more.",
   "say": "You have done {figure}% of the talking. Ask them to describe it once more."},
  {"kind": "cue", "cue": "silence", "guidance_type": "suggest", "priority": 2,
   "when": "Nobody has spoken for a while, perhaps because you are looking something up.",
   "say": "{figure} seconds of silence. Say what you are doing, and how long it will take."},
  {"kind": "cue", "cue": "pace", "guidance_type": "warn", "priority": 2,
   "when": "You speak much faster than people follow with ease.",
   "say": "{figure} words a minute is too fast for steps to follow. One step, then wait."},
  {"kind": "cue", "cue": "fillers", "guidance_type": "avoid", "priority": 3,
   "when": "Many of your words are fillers.",
   "say": "{figure}% of your words are fillers. “One moment, I am checking” is better."},

  {"kind": "prompt", "name": "acknowledge", "guidance_type": "suggest", "priority": 1,
   "when": "The customer is angry, worried or tired of it, and you have gone straight to the technique.",
   "say": "First the person: say what this means for them, in one honest sentence."},
  {"kind": "prompt", "name": "restate", "guidance_type": "clarify", "priority": 2,
   "when": "You begin to solve without having said the problem back in your own words.",
   "say": "Say the problem back in one sentence and ask: “Have I understood that right?”"},
  {"kind": "prompt", "name": "exact_symptom", "guidance_type": "ask", "priority": 2,
   "when": "The symptom is vague: “it does not work”, “it is slow”.",
   "say": "Ask what exactly happens, the words of the message, and what should happen instead."},
  {"kind": "prompt", "name": "what_changed", "guidance_type": "ask", "priority": 2,
   "when": "The cause is open and nobody has asked since when.",
   "say": "Ask since when, and what changed just before: update, device, network, password."},
  {"kind": "prompt", "name": "extent", "guidance_type": "ask", "priority": 2,
   "when": "It is unknown whether others have it too, or whether it happens every time.",
   "say": "Ask whether it happens every time, and whether colleagues have it too."},
  {"kind": "prompt", "name": "tried_already", "guidance_type": "ask", "priority": 2,
   "when": "You suggest a step without knowing what was tried before.",
   "say": "Ask what they have tried already, so that nobody repeats it."},
  {"kind": "prompt", "name": "one_step", "guidance_type": "suggest", "priority": 2,
   "when": "Several steps are given at once.",
   "say": "One step at a time. Ask what they see before you give the next."},
  {"kind": "prompt", "name": "jargon", "guidance_type": "avoid", "priority": 3,
   "when": "You use terms that the customer has not used and may not know.",
   "say": "Say it in the customer's words, and where to find it on the screen."},
  {"kind": "prompt", "name": "blame", "guidance_type": "avoid", "priority": 1,
   "when": "It sounds as if the customer, a colleague or another department were at fault.",
   "say": "No fault-finding. Say what you will do about it."},
  {"kind": "prompt", "name": "secrets", "guidance_type": "warn", "priority": 1,
   "when": "The customer is about to give a password, a card number or a code, or you ask for one.",
   "say": "Stop: no passwords, card numbers or codes aloud. Use the safe way."},
  {"kind": "prompt", "name": "promise", "guidance_type": "warn", "priority": 1,
   "when": "You promise a date, a refund or a fix that is not yours to promise.",
   "say": "Promise only what you can keep: when they will hear from you, and from whom."},
  {"kind": "prompt", "name": "escalate", "guidance_type": "suggest", "priority": 1,
   "when": "The steps are used up, data or money may be lost, or the customer asks for somebody else.",
   "say": "Hand it on now. Say to whom, with what they told you, and by when they hear back."},
  {"kind": "prompt", "name": "workaround", "guidance_type": "suggest", "priority": 2,
   "when": "It cannot be solved in this call and the customer cannot work meanwhile.",
   "say": "Offer a way to go on working until it is solved."},
  {"kind": "prompt", "name": "confirm", "guidance_type": "ask", "priority": 1,
   "when": "You are about to close and the customer has not tried it out.",
   "say": "Let them try it now: “Does it do what you need?” Only then close."},
  {"kind": "prompt", "name": "after_care", "guidance_type": "suggest", "priority": 3,
   "when": "It is solved and the call is ending.",
   "say": "Give the case number, how to avoid it next time, and ask if anything else is open."},

  {"kind": "band", "metric": "talk_ratio", "low": 0.35, "high": 0.70,
   "why": "While you diagnose, the customer speaks; while you guide, you do."},
  {"kind": "band", "metric": "longest_monologue_ms", "low": null, "high": 40000,
   "why": "Nobody keeps more steps in mind than fit into that."},
  {"kind": "band", "metric": "patience_ms", "low": 500, "high": null,
   "why": "Who is upset needs a moment to finish."},
  {"kind": "band", "metric": "question_wait_ms", "low": null, "high": 5000,
   "why": "Looking it up may take longer: then say so."},
  {"kind": "band", "metric": "silence_ms", "low": null, "high": 15000,
   "why": "Trying something out takes its time; longer than this feels like being left alone."},
  {"kind": "band", "metric": "pace_wpm", "low": 120, "high": 220,
   "why": "Counted within speech, without its pauses."},
  {"kind": "band", "metric": "filler_rate", "low": null, "high": 0.08,
   "why": "More of them sounds as if you were guessing."}
]$playbook$,
$playbook$## Know before the call
- Who calls: what they use, which contract or promise of service they have, how much they know of the technique.
- What was before: earlier cases of theirs, open ones above all, and known faults of these days.
- What you may do: change, refund, replace, or hand on, and to whom.
- What a good end looks like: it works again and they tried it, or it is in the right hands with a date.

## Listen for
- **Diagnosis.** The exact symptom and message; since when; what changed; every time or sometimes; one or many people.
- **Steps.** What was tried, in which order, with which outcome. One change at a time, and each one checked.
- **Emotion.** Anger, worry, resignation, and when it turns. Whoever feels heard describes better.
- **Stakes.** What cannot be done meanwhile, until when it can wait, and whether data or money are at risk.
- **Root cause.** What explains all of the symptoms, not only the first one. Say “I do not know yet” until then.
- **Resolution.** Did the customer try it themselves, and say that it works?
- **Escalation.** What the next person must know, so that nothing has to be told twice.

## Coach like this
Calm first, then clear, then quick. Give the host one question or one step, in words the customer would use. Prefer
checking to guessing. Never invent a cause, a setting or a date; rest every advice on what was said.$playbook$,
$playbook$## In short
What was wrong, for whom, and how it stands now. Three sentences.

## Issue
The symptom as the customer described it, with messages word for word. Since when, how often, for whom, and what it
kept them from doing.

## Root cause
What caused it, and what shows that. If it is only supposed, say so; if it is unknown, say what was ruled out.

## Steps
What was tried, in order, each with its outcome.

## Resolution or escalation
Solved: by what, and that the customer tried it. Not solved: to whom it went, with what, by when the customer hears,
and how they can go on meanwhile.

## Satisfaction
How the customer felt at the beginning and at the end, each with a sentence of theirs.

## Promised
What was promised to the customer: by whom, by when.

## So that it does not come back
What to change in the product, the instructions or the answers.$playbook$
),
(
    '5a1e5000-0000-4000-8000-000000000003',
    'Meeting',
    'Keep to the agenda and the time, hear everybody, and leave with decisions that have an owner and a date.',
    'meeting', true, true,
$playbook$[
  {"kind": "cue", "cue": "unanswered_question", "guidance_type": "clarify", "priority": 1,
   "when": "Somebody's question has had no answer, or one of yours was evaded.",
   "say": "{name} asked and nobody answered: “{quote}”"},
  {"kind": "cue", "cue": "interruption", "guidance_type": "avoid", "priority": 2,
   "when": "You began to speak while somebody was still speaking, and they stopped.",
   "say": "You cut {name} off. Give the word back."},
  {"kind": "cue", "cue": "long_monologue", "guidance_type": "ask", "priority": 2,
   "when": "You have had the floor for long without a question.",
   "say": "You have had the floor for {figure} seconds. Ask who sees it differently."},
  {"kind": "cue", "cue": "talk_ratio", "guidance_type": "ask", "priority": 3,
   "when": "Most of the talking is yours, after two minutes of talk or more.",
   "say": "You have done {figure}% of the talking. Ask the others, by name."},
  {"kind": "cue", "cue": "silence", "guidance_type": "suggest", "priority": 2,
   "when": "Nobody has spoken for a while.",
   "say": "{figure} seconds of silence. Sum up, decide, or go to the next point."},
  {"kind": "cue", "cue": "pace", "guidance_type": "warn", "priority": 3,
   "when": "You speak much faster than people follow with ease.",
   "say": "{figure} words a minute. Slow down, above all for those in a second language."},
  {"kind": "cue", "cue": "fillers", "guidance_type": "avoid", "priority": 3,
   "when": "Many of your words are fillers.",
   "say": "{figure}% of your words are fillers. Finish the sentence, then pause."},

  {"kind": "prompt", "name": "purpose", "guidance_type": "suggest", "priority": 2,
   "when": "The meeting has begun and nobody has said what it is to decide or to make.",
   "say": "Say the purpose in one sentence, the points, and when you will end."},
  {"kind": "prompt", "name": "off_topic", "guidance_type": "suggest", "priority": 2,
   "when": "The talk has left the agenda for more than a minute or two.",
   "say": "Write it down for later and go back to the point on the agenda."},
  {"kind": "prompt", "name": "time_check", "guidance_type": "warn", "priority": 2,
   "when": "A point takes longer than planned, or little time is left for what matters most.",
   "say": "Check the time: end this point, or agree what is dropped for it."},
  {"kind": "prompt", "name": "quiet_voice", "guidance_type": "ask", "priority": 2,
   "when": "Somebody whom this concerns has not spoken yet.",
   "say": "Ask the one who has not spoken, by name and with an open question."},
  {"kind": "prompt", "name": "dominant_voice", "guidance_type": "suggest", "priority": 2,
   "when": "One person other than you has most of the floor.",
   "say": "Thank them, sum it up in a sentence, and ask for another view."},
  {"kind": "prompt", "name": "going_in_circles", "guidance_type": "suggest", "priority": 1,
   "when": "The same arguments come back and nothing new is added.",
   "say": "Name the two options and what each costs. Who decides, and by when?"},
  {"kind": "prompt", "name": "quick_agreement", "guidance_type": "ask", "priority": 2,
   "when": "Everybody agrees at once on something that is costly or hard to undo.",
   "say": "Ask what would make this fail, and who would be against it."},
  {"kind": "prompt", "name": "unclear_decision", "guidance_type": "clarify", "priority": 1,
   "when": "Something sounds decided, but nobody has said it as a sentence.",
   "say": "Say the decision aloud as one sentence and ask whether everybody agrees."},
  {"kind": "prompt", "name": "ownerless_action", "guidance_type": "ask", "priority": 1,
   "when": "Something has to be done and no person or no date is named: “we should”, “somebody could”.",
   "say": "“We” is nobody: ask who does it, and by when."},
  {"kind": "prompt", "name": "missing_person", "guidance_type": "suggest", "priority": 2,
   "when": "The point cannot be settled without somebody who is not here.",
   "say": "Stop here: agree who asks the missing person, and by when."},
  {"kind": "prompt", "name": "hidden_risk", "guidance_type": "ask", "priority": 2,
   "when": "A plan is made and nobody speaks of what could go wrong.",
   "say": "Ask for the biggest risk, and for what would show it early."},
  {"kind": "prompt", "name": "personal", "guidance_type": "avoid", "priority": 1,
   "when": "The tone turns against a person and not a matter.",
   "say": "Back to the matter: ask both for the fact behind their view."},
  {"kind": "prompt", "name": "close", "guidance_type": "suggest", "priority": 1,
   "when": "The meeting is ending and nobody has repeated what was agreed.",
   "say": "Close with the list: decisions, who does what by when, and what is still open."},

  {"kind": "band", "metric": "talk_ratio", "low": null, "high": 0.70,
   "why": "Whoever leads the meeting may say little; above this it is a lecture."},
  {"kind": "band", "metric": "longest_monologue_ms", "low": null, "high": 90000,
   "why": "A report may take a minute and a half; then somebody else should speak."},
  {"kind": "band", "metric": "patience_ms", "low": 500, "high": null,
   "why": "The quiet ones need a gap to come in."},
  {"kind": "band", "metric": "question_wait_ms", "low": null, "high": 5000,
   "why": "In a group everybody waits for somebody else to answer."},
  {"kind": "band", "metric": "silence_ms", "low": null, "high": 12000,
   "why": "Thinking is work; beyond this somebody should sum up."},
  {"kind": "band", "metric": "pace_wpm", "low": 120, "high": 220,
   "why": "Counted within speech, without its pauses."},
  {"kind": "band", "metric": "filler_rate", "low": null, "high": 0.08,
   "why": "More of them hides what is meant."}
]$playbook$,
$playbook$## Know before the meeting
- What it is for: what must be decided, made or understood when it ends. If there is no answer, ask for one.
- The agenda, point by point, with its time and with who brings it in.
- Who comes, what each of them answers for, who decides, and who is missing.
- What was agreed the last time, by whom and by when, and what has become of it.

## Listen for
- **Agenda.** Which point is being talked about, which are done, which are in danger.
- **Voices.** Who has not spoken, who is cut off, who gives way and does not agree.
- **Decisions.** The sentence that was decided, the reason, and who was against it. “Let us see” is none.
- **Actions.** What, one owner, one date. “We should” has no owner.
- **Risks.** What could go wrong, what it hangs on, and who watches it.
- **Milestones.** Dates that were named, moved or put in doubt.
- **Time.** What is left of it, and what it should go to.

## Coach like this
Help the one who leads: a sentence to sum up, a name to ask, a question that ends a circle. Do not take sides in the
matter. Leave a good discussion alone. Never make up a decision, an owner or a date; rest every advice on what was
said.$playbook$,
$playbook$## In short
What it was about, what was decided, what comes next. Three sentences.

## Agenda
Each point with its outcome: decided, passed on, put off, or not reached.

## Decisions
Each as one sentence, with the reason for it, who decided it, and who had doubts.

## Actions
| What | Owner | By when |
|---|---|---|
One line each. Where an owner or a date was not named, write “open”.

## Risks
What could go wrong, what it hangs on, and who watches it.

## Milestones
Dates that were set, moved or put in doubt.

## Open questions
What was asked and not answered, what was put off, and who follows it up.

## Who was heard
Who took part, who was missing for what, and views that differed.$playbook$
),
(
    '5a1e5000-0000-4000-8000-000000000004',
    'Job interview',
    'Ask every candidate the same things, dig for what they really did, and judge by evidence.',
    'interview', true, true,
$playbook$[
  {"kind": "cue", "cue": "unanswered_question", "guidance_type": "clarify", "priority": 1,
   "when": "The candidate's question has had no answer, or the candidate evaded one of yours.",
   "say": "{name}'s question was not answered: “{quote}”"},
  {"kind": "cue", "cue": "interruption", "guidance_type": "avoid", "priority": 1,
   "when": "You began to speak while the candidate was still speaking, and the candidate stopped.",
   "say": "You cut {name} off. Let the answer end, then ask further."},
  {"kind": "cue", "cue": "long_monologue", "guidance_type": "ask", "priority": 2,
   "when": "You have been speaking for long without a question.",
   "say": "You have been talking for {figure} seconds. The candidate should: ask the next question."},
  {"kind": "cue", "cue": "talk_ratio", "guidance_type": "ask", "priority": 2,
   "when": "You speak nearly as much as the candidate, after two minutes of talk or more.",
   "say": "You have done {figure}% of the talking. Ask, and let the candidate speak."},
  {"kind": "cue", "cue": "silence", "guidance_type": "suggest", "priority": 3,
   "when": "Nobody has spoken for a while.",
   "say": "{figure} seconds of silence. Thinking is allowed; say so, or put the question differently."},
  {"kind": "cue", "cue": "pace", "guidance_type": "warn", "priority": 3,
   "when": "You speak much faster than people follow with ease.",
   "say": "{figure} words a minute makes a candidate nervous. Slow down."},
  {"kind": "cue", "cue": "fillers", "guidance_type": "avoid", "priority": 3,
   "when": "Many of your words are fillers.",
   "say": "{figure}% of your words are fillers. Ask the question once, and stop."},

  {"kind": "prompt", "name": "settle_in", "guidance_type": "suggest", "priority": 3,
   "when": "The interview begins without saying how it will go and how long it takes.",
   "say": "Say who you are, how the hour is divided, and that notes will be taken."},
  {"kind": "prompt", "name": "behavioural", "guidance_type": "ask", "priority": 2,
   "when": "A question invites opinions or good intentions: “would you”, “how important is”.",
   "say": "Ask for the past: “Tell me about a time when you …”"},
  {"kind": "prompt", "name": "situation", "guidance_type": "clarify", "priority": 2,
   "when": "An example stays general: no time, no place, no size.",
   "say": "Ask for the situation: when was it, who was there, what was at stake?"},
  {"kind": "prompt", "name": "own_part", "guidance_type": "ask", "priority": 1,
   "when": "The candidate says “we” where it matters who did what.",
   "say": "Ask: “What was your own part in that? What did you do first?”"},
  {"kind": "prompt", "name": "result", "guidance_type": "ask", "priority": 2,
   "when": "An example ends without an outcome.",
   "say": "Ask how it ended, how they know, and what they would do differently."},
  {"kind": "prompt", "name": "depth", "guidance_type": "ask", "priority": 2,
   "when": "A skill that the job needs is claimed and not shown.",
   "say": "Go one level deeper: ask them to explain how, as if to a new colleague."},
  {"kind": "prompt", "name": "leading_question", "guidance_type": "avoid", "priority": 2,
   "when": "Your question contains the answer you want, or asks several things at once.",
   "say": "One open question without the answer in it. Then wait."},
  {"kind": "prompt", "name": "uncovered", "guidance_type": "suggest", "priority": 2,
   "when": "Half of the time is over and a competency the job needs has not come up.",
   "say": "Time to change the subject: choose the next competency on your list."},
  {"kind": "prompt", "name": "inconsistency", "guidance_type": "clarify", "priority": 1,
   "when": "Two things that were said, or the papers and what is said, do not fit together.",
   "say": "Two statements do not fit. Ask, kindly, how they go together."},
  {"kind": "prompt", "name": "forbidden_ground", "guidance_type": "warn", "priority": 1,
   "when": "The talk turns to family plans, age, health, faith, origin, politics or the like.",
   "say": "Do not go there, and note nothing of it. Back to what the job needs."},
  {"kind": "prompt", "name": "snap_judgement", "guidance_type": "warn", "priority": 2,
   "when": "You praise or judge an answer, or compare with yourself.",
   "say": "Judge later. Ask for an example that speaks against your first impression."},
  {"kind": "prompt", "name": "motivation", "guidance_type": "ask", "priority": 3,
   "when": "It is open why the candidate wants this job, or leaves the other one.",
   "say": "Ask what a good day at work looked like, and what made them look around."},
  {"kind": "prompt", "name": "overselling", "guidance_type": "avoid", "priority": 2,
   "when": "You describe the job better than it is, or promise pay, title or promotion.",
   "say": "Say also what is hard about the job. Promise nothing that is not decided."},
  {"kind": "prompt", "name": "their_questions", "guidance_type": "suggest", "priority": 2,
   "when": "Ten minutes are left and the candidate has not been able to ask.",
   "say": "Leave time for their questions: they show what matters to them."},
  {"kind": "prompt", "name": "close", "guidance_type": "suggest", "priority": 1,
   "when": "The interview is ending without saying what happens next.",
   "say": "Say what happens next, by when they hear from you, and from whom."},

  {"kind": "band", "metric": "talk_ratio", "low": 0.15, "high": 0.45,
   "why": "You learn while the candidate speaks."},
  {"kind": "band", "metric": "longest_monologue_ms", "low": null, "high": 45000,
   "why": "To present the job takes that long; everything else is a question."},
  {"kind": "band", "metric": "patience_ms", "low": 1000, "high": null,
   "why": "Whoever remembers needs a second before the next sentence."},
  {"kind": "band", "metric": "question_wait_ms", "low": null, "high": 6000,
   "why": "A good question makes people think."},
  {"kind": "band", "metric": "silence_ms", "low": null, "high": 12000,
   "why": "Beyond this a candidate feels examined and not asked."},
  {"kind": "band", "metric": "pace_wpm", "low": 120, "high": 220,
   "why": "Counted within speech, without its pauses."},
  {"kind": "band", "metric": "filler_rate", "low": null, "high": 0.08,
   "why": "More of them makes a question hard to understand."}
]$playbook$,
$playbook$## Know before the interview
- The job: what has to be done in the first year, and the four to six competencies that it takes.
- The questions for each competency, the same for every candidate, and what a good answer would contain.
- The candidate: papers, gaps, and what you want to understand better. No guesses about the person.
- The process: who decides, what comes after this interview, by when the candidate will hear.

## Listen for
- **Behaviour.** What the candidate did in a real situation: situation, task, action, result. Not what one should do.
- **Own part.** “I” and “we”: what was theirs, what was the team's, what was luck.
- **Examples.** At least one for each competency, recent, with a size and an outcome.
- **Skills.** What they can explain, what they have only heard of, what they would look up.
- **Fit.** How they want to work, and whether this team and this job offer that. Fit with the work, not likeness.
- **Motivation.** What draws them here, and what they run from.
- **Red flags.** Contradictions, blame for others only, no mistake ever, disrespect. Facts, not impressions.

## Coach like this
Help the host to ask one open question and to wait. Watch that every competency gets its turn and every candidate the
same chance. Warn at once when talk turns to family plans, age, health, faith, origin or politics, and leave it out of
everything written. Never judge the person, and never make up an example; rest every advice on what was said.$playbook$,
$playbook$## In short
Which job, what the candidate brings, what is still open. Three sentences, without a judgement.

## Skills
Each competency with the example that shows it: situation, own part, result, and the candidate's words. Where no
example was given, write “not shown”.

## Fit
How they want to work and what draws them, beside what the job and the team offer. Only what concerns the work.

## Red flags
Contradictions and doubts, each with the sentence it rests on, and what would settle it. None is an answer too.

## Candidate's questions
What they asked, what they were told, and what was promised.

## Recommendation
Strong yes, yes, no, or strong no, with the two or three pieces of evidence that decide it, and what the next
conversation should find out. If the evidence is not enough, say so.

## Next step
What happens, by when the candidate hears, and from whom.

## Left out
Nothing about family, age, health, faith, origin or politics belongs in here, even if it was mentioned.$playbook$
);

-- Free is a price; none is one that is agreed upon.
UPDATE plans
SET price_monthly = 0,
    price_yearly = 0
WHERE name = 'individual_free';
