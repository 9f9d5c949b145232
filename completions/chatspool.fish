# Completion in fish for chat-send, chat-recv, chat-talk and chat-spool. It is installed under the name of each, and
# runs once. tests/options.bats compares the options with those of the programs.

functions -q __chatspool_rooms; and return

# Print the words from the program's name to the cursor, one per line.
function __chatspool_words
    commandline -opc
end

# Print the rooms of the spool that an -s before the cursor names, otherwise those of the default spool.
function __chatspool_rooms
    set -l where
    set -l words (__chatspool_words)
    for i in (seq 2 (count $words))
        switch $words[$i]
            case --
                break
            case '--spool=*'
                set where (string replace -- --spool= '' $words[$i])
            case --sp --spo --spoo --spool
                set where $words[(math $i + 1)]
            case '--*'
            case '-*s'
                set where $words[(math $i + 1)]
            case '-s*'
                set where (string sub -s 3 -- $words[$i])
        end
    end
    # A path is expanded as the shell would, but no command in it is run.
    set where (string replace -r '^~(?=/|$)' -- $HOME $where)
    if set -l name (string match -r '^\$(\w+)' -- $where)
        set where (string replace -r '^\$\w+' -- "$$name[2]" $where)
    end
    if set -q where[1]
        chat-spool list --names --spool "$where[1]" 2>/dev/null </dev/null
    else
        chat-spool list --names 2>/dev/null </dev/null
    end
end

# True if chat-spool has no command yet; and true if its command is one of these.
function __chatspool_needs_command
    test (count (__chatspool_words)) -eq 1
end

function __chatspool_command
    set -l words (__chatspool_words)
    set -q words[2]; and contains -- $words[2] $argv
end

# True after a "--", so that a command follows.
function __chatspool_runs
    contains -- -- (__chatspool_words)
end

# After that "--" comes another command line.
function __chatspool_complete_command
    set -l words (__chatspool_words)
    set -e words[1..(contains -i -- -- $words)]
    complete -C (string join -- ' ' (string escape -- $words) (commandline -ct))
end

# True if the word before the cursor is the given one.
function __chatspool_after
    test (__chatspool_words)[-1] = $argv[1]
end

complete -c chat-send -f
complete -c chat-send -s r -l room -x -a '(__chatspool_rooms)' -d 'The room; several: send to each'
complete -c chat-send -s s -l spool -r -F -d 'The spool'
complete -c chat-send -s f -l file -r -F -d 'Read the message from this file'
complete -c chat-send -s l -l lines -d 'Send every line of standard input as a message'
complete -c chat-send -s 0 -l null -d 'As -l, but split at NUL bytes'
complete -c chat-send -s J -l json -d 'As -l, but read lines of chat-recv -j'
complete -c chat-send -s 1 -l atomic -d 'With -l, -0 or -J: send all messages or none'
complete -c chat-send -s u -l user -x -a '(__fish_complete_users)' -d 'The sender'
complete -c chat-send -s i -l print-id -d 'Print the new message\'s id'
complete -c chat-send -s q -l quiet -d 'Print only errors on standard error'
complete -c chat-send -s d -l delay -x -d 'Deliver after this time'
complete -c chat-send -s x -l expire -x -d 'Delete the message if not received by this time'
complete -c chat-send -s k -l key -x -d 'Add nothing if the room has a message with this key'
complete -c chat-send -l new -d 'With -k: exit 1 if nothing was added'
complete -c chat-send -l replace -d 'With -k: replace that message, unless it is claimed'
complete -c chat-send -s m -l max -x -d 'Add nothing if the room holds N messages'
complete -c chat-send -s w -l wait -d 'With -m: wait for space instead'
complete -c chat-send -s t -l timeout -x -d 'Wait at most this long'
complete -c chat-send -l drop -d 'With -m: drop the oldest message instead'
complete -c chat-send -s h -l help -d 'Print the options and exit'
complete -c chat-send -l version -d 'Print the version and exit'

complete -c chat-recv -f
complete -c chat-recv -n __chatspool_runs -x -k -a '(__chatspool_complete_command)'
complete -c chat-recv -s r -l room -x -a '(__chatspool_rooms)' -d 'The room; several: the first that has a message'
complete -c chat-recv -s s -l spool -r -F -d 'The spool'
complete -c chat-recv -s w -l wait -d 'If there is no message, wait for one'
complete -c chat-recv -s t -l timeout -x -d 'Wait at most this long'
complete -c chat-recv -s c -l count -x -d 'Take N messages'
complete -c chat-recv -s a -l all -d 'Take all messages that are there now'
complete -c chat-recv -s F -l follow -d 'Run forever'
complete -c chat-recv -s p -l peek -d 'Show messages, take nothing'
complete -c chat-recv -s n -l no-newline -d 'Write exactly the bytes of the message'
complete -c chat-recv -s 0 -l null -d 'Write a NUL byte after each message'
complete -c chat-recv -s o -l format -x -d 'Write in this format'
complete -c chat-recv -s j -l json -d 'Write one JSON object per line'
complete -c chat-recv -s v -l verbose -d 'Write time and sender before each message'
complete -c chat-recv -s q -l quiet -d 'Do not report "No new messages"'
complete -c chat-recv -l raw -d 'Do not escape control characters on a terminal'
complete -c chat-recv -s P -l parallel -x -d 'With a command: run up to N at once'
complete -c chat-recv -s b -l batch -x -d 'With a command: give it up to N messages'
complete -c chat-recv -l tries -x -d 'With a command: give up a message after N failures'
complete -c chat-recv -l dead -x -a '(__chatspool_rooms)' -d 'With a command: move it to this room'
complete -c chat-recv -l backoff -x -d 'With a command: hold failures back: 10s or 10s,1m,10m'
complete -c chat-recv -s h -l help -d 'Print the options and exit'
complete -c chat-recv -l version -d 'Print the version and exit'

complete -c chat-talk -f -a '(__chatspool_rooms)' -d Room
complete -c chat-talk -s b -l bell -d 'Ring for each message'
complete -c chat-talk -s q -l quiet -d 'Never ring'
complete -c chat-talk -s n -l lines -x -d 'At the start show at least the last N messages'
complete -c chat-talk -s s -l spool -r -F -d 'The spool'
complete -c chat-talk -s u -l user -x -a '(__fish_complete_users)' -d 'Your name'
complete -c chat-talk -l plain -d 'No colors, no editing, no bell'
complete -c chat-talk -s h -l help -d 'Print the options and exit'
complete -c chat-talk -l version -d 'Print the version and exit'

complete -c chat-spool -f
complete -c chat-spool -n __chatspool_needs_command -a list -d 'Show the rooms'
complete -c chat-spool -n __chatspool_needs_command -a 'show peek' -d 'Show the messages of a room'
complete -c chat-spool -n __chatspool_needs_command -a wait -d 'Wait until rooms are empty or messages are gone'
complete -c chat-spool -n __chatspool_needs_command -a requeue -d 'Give dead messages another chance'
complete -c chat-spool -n __chatspool_needs_command -a move -d 'Move messages to another room'
complete -c chat-spool -n __chatspool_needs_command -a delete -d 'Delete messages'
complete -c chat-spool -n __chatspool_needs_command -a check -d 'Check the spool for damage'
complete -c chat-spool -n __chatspool_needs_command -a dump -d 'Write messages as JSON'
complete -c chat-spool -n __chatspool_needs_command -a load -d 'Read messages from JSON'
complete -c chat-spool -n __chatspool_needs_command -a backup -d 'Write the spool to a file'
complete -c chat-spool -n __chatspool_needs_command -a restore -d 'Read the spool from a backup'
complete -c chat-spool -n __chatspool_needs_command -a compact -d 'Return free space to the disk'
complete -c chat-spool -n __chatspool_needs_command -a copy -d 'Add all messages of a spool to another'
complete -c chat-spool -n __chatspool_needs_command -a open -d 'Open a room to readers'
complete -c chat-spool -n __chatspool_needs_command -a readers -d 'Show the readers of an open room'
complete -c chat-spool -n __chatspool_needs_command -a seek -d 'Let a reader continue elsewhere'
complete -c chat-spool -n __chatspool_needs_command -a forget -d 'Forget a reader, or all readers of a room'
complete -c chat-spool -n __chatspool_needs_command -a where -d 'Print which spool is used'
complete -c chat-spool -n __chatspool_needs_command -a config -d 'Show or change the settings'
complete -c chat-spool -n __chatspool_needs_command -a init -d 'Create the spool'
complete -c chat-spool -n __chatspool_needs_command -a version -d 'Print the versions'
complete -c chat-spool -n __chatspool_needs_command -a help -d 'Print the options of a command'

complete -c chat-spool -n '__chatspool_command list show peek wait move requeue delete check dump load backup restore compact open readers seek forget where config init version' -s s -l spool -r -F -d 'The spool'
complete -c chat-spool -n '__chatspool_command list show peek readers' -s j -l json -d 'Write one JSON object per line'
complete -c chat-spool -n '__chatspool_command list' -s 1 -l names -d 'Write only the names'
complete -c chat-spool -n '__chatspool_command list' -s w -l watch -d 'Show every change as it happens'
complete -c chat-spool -n '__chatspool_command show peek wait move delete readers seek' -s i -l id -x -d 'The message with this id'
complete -c chat-spool -n '__chatspool_command show peek' -s c -l count -x -d 'The first N messages'
complete -c chat-spool -n '__chatspool_command move' -l first -d 'To the front of the room, not to its end'
complete -c chat-spool -n '__chatspool_command delete' -l older-than -x -d 'Only those sent before'
complete -c chat-spool -n '__chatspool_command delete backup restore forget' -s y -l yes -d 'Do not ask'
complete -c chat-spool -n '__chatspool_command move requeue delete check dump load backup restore compact copy forget where' -s q -l quiet -d 'Print nothing but errors'
complete -c chat-spool -n '__chatspool_command open' -s k -l keep -x -d 'Keep the last N messages, or those of that time'
complete -c chat-spool -n '__chatspool_command open' -s m -l max -x -d 'Never hold more messages'
complete -c chat-spool -n '__chatspool_command seek' -a 'start end' -d 'Where to continue'
complete -c chat-spool -n '__chatspool_command wait' -s t -l timeout -x -d 'Wait at most this long'
complete -c chat-spool -n '__chatspool_command check' -l repair -d 'Repair what is wrong'
complete -c chat-spool -n '__chatspool_command init' -l group -x -a '(__fish_complete_groups)' -d 'For the members of this group'
complete -c chat-spool -s h -l help -d 'Print the options and exit'
complete -c chat-spool -l version -d 'Print the version and exit'
complete -c chat-spool -n '__chatspool_command list show peek wait move requeue delete dump open readers seek forget' -a '(__chatspool_rooms)' -d Room
complete -c chat-spool -n '__chatspool_command help' -a 'list show peek wait move requeue delete check dump load backup restore compact copy open readers seek forget where config init version help'
complete -c chat-spool -n '__chatspool_command load backup restore copy' -F
complete -c chat-spool -n '__chatspool_command config; and not __chatspool_after max-length; and not __chatspool_after default-room' -a 'max-length default-room'
complete -c chat-spool -n '__chatspool_command config; and __chatspool_after default-room' -a '(__chatspool_rooms)' -d Room
