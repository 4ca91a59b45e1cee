// en.js – English. {who} is a person's name or a number, {host} a machine, {n} a number. The comment above a string says
// where it stands, for translators; buttons are verbs.

export default {
  // Title of the browser's window
  "title": "Cordboard",
  // … while it rings for us
  "title.incoming": "{who} is calling – Cordboard",
  // … during a call
  "title.call": "{who} – Cordboard",

  // Heading of the sign-in form
  "signIn.heading": "Sign in",
  // Under the heading: the machine that answers
  "signIn.host": "on {host}",
  "signIn.user": "User",
  "signIn.password": "Password",
  "signIn.submit": "Sign in",
  "signIn.wrong": "User or password is wrong. Check both and try again.",
  // {n} counts seconds or minutes, as in "2 min"
  "signIn.tooMany": "Too many tries. Wait {n}, then try again.",
  // The machine does not answer at all
  "signIn.unreachable": "Cordboard doesn't answer. Check that you are on the same network, then try again.",
  "signIn.failed": "Cordboard could not sign you in. Try again.",
  // Shown after somebody changed the password or the time was up
  "signIn.again": "You were signed out. Sign in again.",

  // Second step after a one-time password
  "choose.heading": "Choose your own password",
  "choose.why": "The password you used works only once. The next one is yours alone.",
  "choose.new": "New password",
  "choose.rule": "At least 8 characters, different from the one you just used.",
  "choose.show": "Show the password",
  "choose.submit": "Save and sign in",
  "choose.weak": "This password is too short or the one you just used. Take another one with at least 8 characters.",
  "choose.inConfig": "Your password is kept in Cordboard's configuration file. Ask whoever looks after Cordboard to change it there.",

  // First seconds after opening the page
  "loading": "Opening Cordboard…",

  // Lamp in the header: the connection to Cordboard
  "connection.connecting": "Connecting…",
  "connection.ready": "Ready",
  "connection.lost": "No connection: retrying…",

  // Heading of the column or tab with the call
  "call.heading": "Call",
  // Label and example in the field to type into
  "dial.label": "Name or number",
  "dial.erase": "Erase the last character",
  // For screen readers: the twelve keys
  "keypad.label": "Keypad",
  // For screen readers: the keys * and #
  "keypad.star": "star",
  "keypad.hash": "hash",
  // Label of the field that shows keys pressed during a call
  "keys.label": "Keys sent",
  // … before there are any
  "keys.before": "Keypad",
  "keys.none": "Press keys to send them",

  // The word above the name, for each state of the call
  "state.idle": "Ready to call",
  "state.calling": "Calling…",
  "state.ringing": "Ringing…",
  "state.early": "Connecting you…",
  "state.resuming": "Coming back to your call…",
  "state.incoming": "Incoming call",
  "state.answering": "Answering…",
  "state.talking": "In a call",
  // … while one side keeps the other waiting
  "state.hold": "On hold",
  // … after {who} was connected to somebody else
  "state.passed": "Passed on",
  "state.ended": "Call ended",
  "state.failed": "No call",
  "state.missed": "Missed call",

  // Empty call screen: heading, hint, and the button that calls "echo"
  "idle.heading": "Make a call",
  "idle.hint": "New here? Call echo: it says back what you say.",
  "idle.echo": "Try echo",
  // Under a caller's number: which user is called
  "incoming.for": "for {who}",
  // Under an incoming call, where there is a keyboard
  "incoming.keys": "Enter answers, Esc declines",

  // Round buttons, a word under each
  "button.call": "Call",
  "button.callAgain": "Call again",
  "button.callBack": "Call back",
  "button.hangUp": "Hang up",
  "button.answer": "Answer",
  "button.decline": "Decline",
  "button.mute": "Mute",
  "button.unmute": "Unmute",
  // Puts the other side on hold, and ends that
  "button.hold": "Hold",
  "button.resume": "Resume",
  // Passes the call on: opens the field that asks whom to, does it, or closes the field
  "button.transfer": "Transfer",
  "button.pass": "Pass on",
  "button.cancel": "Cancel",
  // … or calls that person first, while the other one waits
  "button.askFirst": "Ask first",
  "button.sound": "Sound",

  // Calls that wait beside the one that is on: for screen readers, then a short word on each button and what it does in full
  "others.heading": "Waiting calls",
  // Under the name of who rings while the user is in a call; short
  "others.incoming": "is calling",
  "others.answer": "Answer",
  "others.answer.does": "Answer {who} and put {to} on hold",
  "others.decline": "Decline",
  "others.decline.does": "Decline the call of {who}",
  "others.swap": "Swap",
  "others.swap.does": "Talk to {who} and put {to} on hold",
  "others.connect": "Connect",
  "others.connect.does": "Connect {who} with {to} and leave",
  "others.hangUp": "Hang up",
  "others.hangUp.does": "Give up calling {who}",

  // On a small button beside the time of a call: whether it is recorded, then what pressing it does
  "record.off": "Record",
  "record.on": "Recording",
  "record.paused": "Not recorded now",
  "record.failed": "Recording stopped",
  "record.start": "Record this call",
  "record.stop": "Pause the recording",
  // On the button beside a recorded call in the list
  "tape.play": "Play the recording of the call with {who}",
  "tape.pause": "Pause the recording of the call with {who}",
  "tape.gone": "This recording can't be played. It may have been deleted.",

  // Beside the timer: how the other side sounds
  "quality.connecting": "Connecting the sound…",
  "quality.clear": "Sound is clear",
  "quality.some": "Some loss on your network",
  "quality.much": "Much loss: move closer to your Wi-Fi",
  "quality.silent": "No sound comes from {who}",
  "quality.muted": "You are muted",
  // … what the gateway knows of it: nothing can get through, what the own microphone sends, and the other side's
  "quality.blocked": "Your network blocks the sound: try another",
  "quality.microphone": "Your microphone sends nothing: blocked?",
  "quality.microphoneSilent": "Your microphone is silent: is it muted?",
  "quality.lossy": "Your network loses what you say",
  "quality.theyMute": "{who} sends only silence",
  "quality.theyLose": "Much loss on the way from {who}",
  // … or who put the call on hold
  "quality.hold.local": "You put {who} on hold",
  "quality.hold.remote": "{who} put you on hold",
  "quality.hold.both": "You and {who} put each other on hold",

  // Label of the field that asks whom to pass the call on to
  "pass.label": "Pass {who} on to",
  // Passing the call with {who} on to {to}: how far it is
  "pass.asked": "Passing the call to {to}…",
  "pass.ringing": "It rings at {to}…",
  // … it came to nothing
  "pass.busy": "{to} is busy; you still have the call.",
  "pass.declined": "{to} declined; you still have the call.",
  "pass.noAnswer": "{to} did not answer; you still have the call.",
  "pass.unknown": "There is nobody called {to}; you still have the call.",
  "pass.failed": "The call could not be passed to {to}; you still have it.",
  "pass.target": "This is neither a name nor a number. Check it.",
  // Connecting two calls, with {who} and with {to}, and leaving
  "connect.asked": "Connecting {who} with {to}…",
  "connect.failed": "{who} and {to} could not be connected; you still have both calls.",
  // {who} passes us on to {to}, who is being called
  "pass.by": "{who} passed you on to {to}.",

  // Why a call ended, as people wanted
  "ended.passed": "{who} now talks to {to}.",
  "ended.passing": "{who} is on the way to {to}.",
  "ended.local": "You hung up.",
  "ended.away": "The call with {who} ended while the page was loading.",
  "ended.remote": "{who} hung up.",
  "ended.declined": "You declined the call.",
  "ended.elsewhere": "Answered on another of your phones.",
  "ended.declinedElsewhere": "Declined on another of your phones.",
  "ended.missed": "{who} called and you did not answer.",

  // Why there was no call: what happened, then what to do
  "failed.busy": "{who} is on another call. Try again later.",
  "failed.declined": "{who} declined the call.",
  "failed.unknown": "There is nobody called {who} here. Check the name or number.",
  "failed.incomplete": "The number {who} is not complete. Add the missing digits.",
  "failed.noAnswer": "{who} did not answer. Try again later.",
  "failed.unreachable": "{who} can't be reached just now. Try again later.",
  "failed.pbx": "The PBX doesn't answer. Try again soon, or tell whoever looks after it.",
  "failed.pbxPassword": "The PBX refuses Cordboard's password for you. Tell whoever looks after Cordboard.",
  "failed.kind": "The other side can't take this kind of call.",
  "failed.forbidden": "You are not allowed to call {who}. Ask whoever looks after Cordboard.",
  "failed.signedOut": "Cordboard doesn't know you any more. Sign out and in again.",
  "failed.connection": "The connection to Cordboard broke off. It comes back by itself; then call again.",
  "failed.sound": "Your network blocks the sound. Try another network, or ask for TURN to be switched on.",
  "failed.soundLost": "The sound broke off. Check your network, then call again.",
  "failed.browser": "Your browser could not make the call. Reload the page and try again.",
  "failed.call": "The call did not go through. Try again.",
  "failed.notReady": "There is no connection to Cordboard yet. Wait for it, then call again.",
  // Something was typed that is neither a name nor a number
  "failed.target": "This is neither a name nor a number. Check it and call again.",
  "failed.empty": "Type a name or a number first.",

  // Why the browser gives no microphone
  "microphone.refused": "Your browser keeps the microphone from this page. Allow it beside the page's address, then try again.",
  "microphone.none": "There is no microphone. Plug one in, then try again.",
  "microphone.inUse": "Another program uses the microphone. Close it there, then try again.",
  "microphone.insecure": "The browser gives the microphone to secure pages only. Open this page as https://{host}; the page Trust says how.",
  "microphone.unsupported": "This browser can't make calls. Use a current Chrome, Edge, Firefox or Safari.",
  "microphone.changed": "The microphone was unplugged. Another one is in use now.",
  "microphone.gone": "The microphone was unplugged. Plug it in or choose another one.",

  // Fold-out with codes for specialists
  "details": "Details",

  // Strips above everything
  "notice.trust": "Open Trust",
  "notice.lostInCall": "No connection to Cordboard. Your call comes back with it.",
  "notice.soundOff": "The browser keeps quiet until you touch the page, so you would not hear it ring.",
  "notice.soundOn": "Turn on the ring",
  // {who} is the name of the PBX
  "pbx.unreachable": "The PBX “{who}” doesn't answer. Names can be called; numbers can't just now.",
  "pbx.wrong password": "The PBX “{who}” refuses Cordboard's password, so numbers can't be called. Tell whoever looks after Cordboard.",
  "pbx.refused": "The PBX “{who}” does not let Cordboard in, so numbers can't be called. Tell whoever looks after Cordboard.",
  "pbx.other": "The PBX “{who}” is not ready. Names can be called; numbers may not.",

  // A caller at another Cordboard that nobody has paired with this one: name is that machine's.
  "name.notPaired": "{name}, not paired",

  // List of colleagues, and what each does just now
  "people.heading": "Colleagues",
  // Button beside a colleague at whom it rings: takes that call
  "people.pickUp": "Pick up",
  "people.pickUp.does": "Take the call that rings at {who}",
  "lamp.idle": "free",
  "lamp.ringing": "it rings",
  "lamp.busy": "in a call",
  "lamp.dnd": "do not disturb",
  "lamp.unreachable": "not there",
  "lamp.unknown": "not known",
  // In the header: messages in the voice mailbox
  "voicemail.one": "1 new message",
  "voicemail.some": "{n} new messages",

  // List of calls
  "recent.heading": "Recent",
  "recent.empty": "Your calls will be listed here.",
  "recent.clear": "Clear list",
  // For screen readers, before a name in the list
  "recent.in": "Incoming call from",
  "recent.out": "Call to",
  "recent.missed": "Missed call from",
  // Two numbers that are there at every Cordboard
  "always.heading": "Always there",
  "always.echo": "Echo",
  "always.echo.does": "says back what you say",
  "always.tone": "Tone",
  "always.tone.does": "plays a steady test tone",

  // When something happened
  "time.now": "just now",
  "time.minutes": "{n} min ago",
  "time.yesterday": "yesterday {time}",
  // A span of time to wait
  "span.seconds": "{n} s",
  "span.minutes": "{n} min",

  // Settings
  "settings.heading": "Settings",
  "settings.close": "Close settings",
  "settings.microphone": "Microphone",
  "settings.loudspeaker": "Loudspeaker",
  "settings.ring": "Ring on",
  // A choice in a list of devices
  "settings.default": "As the system says",
  // A device whose name the browser does not tell
  "settings.device": "Device {n}",
  "settings.test": "Test the microphone",
  "settings.testStop": "Stop the test",
  "settings.level": "Microphone level",
  "settings.testHint": "Speak: the bar should move.",
  "settings.tryRing": "Play the ring",
  "settings.noOutput": "This browser plays on the system's loudspeaker; choose it there.",
  "settings.language": "Language",
  "settings.language.system": "As the browser says",
  "settings.appearance": "Light or dark follows your system.",
  "settings.signedInAs": "Signed in as",
  // Before the extension number of a user
  "settings.extension": "Extension {n}",
  "settings.signOut": "Sign out",
  "settings.version": "Cordboard {n}",
  "settings.licences": "Licences",
};
