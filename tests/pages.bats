# The pages beside the manual are true: pictures and figures are real, and links are valid.

# bats file_tags=pages

load helper

@test "the picture in the README is what real terminals show: two people talk, and a script posts" {
  timeless() { sed -E 's/[0-9]{2}:[0-9]{2} /hh:mm /' "$1"; }
  needs tmux
  run --separate-stderr "$REPOSITORY/docs/picture"
  assert_success
  # shellcheck disable=SC2154  # run sets it
  assert_equal "$stderr" ''
  printf '%s\n' "$output" >picture
  run diff -u <(timeless "$REPOSITORY/docs/session.svg") <(timeless picture)
  assert_output ''
  assert_file_contains "$REPOSITORY/README.md" '^!\[.*\](docs/session.svg)$'
}

@test "every link from a page to a file of the repository is valid" {
  local page target count=0
  cd "$REPOSITORY"
  for page in ./*.md docs/*.md examples/*.md; do
    while read -r target; do
      case $target in *://* | '#'*) continue ;; esac
      [[ -e ${page%/*}/${target%%#*} ]] || fail "$page: $target"
      count=$((count + 1))
    done < <(grep -oE '\]\([^)]+\)' "$page" | sed 's/^](//; s/)$//')
  done
  ((count > 20))
}

@test "NEWS.md begins with the version of the Makefile" {
  run -0 chat-send --version
  assert_equal "$(grep -m 1 '^## ' "$REPOSITORY/NEWS.md")" "## ${output##* }"
}

# floor NAME: print its time to send a message from the results, as a multiple of the floor.
floor() {
  awk -F ' *[|] *' -v name="$1" '$2 == name { printf "%.1f", $6; exit }' "$REPOSITORY/tests/bench/results/results.md"
}

@test "the figures in the README and in the comparison come from the benchmark" {
  local ours
  ours=$(floor 'chat-send, chat-recv')
  run sed -n '/^## Speed/,/^## [^S]/s/^| \(.*\) | \([0-9.]*\) |$/\2 \1/p' "$REPOSITORY/README.md"
  assert_line --index 0 --regexp "^$(floor 'the floor') the floor: "
  assert_line --index 1 --regexp "^$(floor beanstalkd) beanstalkd, "
  assert_line --index 2 "$ours \`chat-send\`"
  assert_line --index 3 "$(floor sqlite3) the \`sqlite3\` shell"
  assert_line --index 4 "$(floor redis-cli) \`redis-cli\` with \`appendfsync always\`"
  assert_file_contains "$REPOSITORY/README.md" "^Measured with version $(measured results)[.] "
  run grep -oE '[0-9.]+ × floor( to our [0-9.]+)?' "$REPOSITORY/docs/comparison.md"
  assert_output "$(floor nq) × floor
$(floor redis-cli) × floor
$(floor 'mosquitto_pub, _sub') × floor
$(floor 'amqp-publish, amqp-get') × floor
$(floor beanstalkd) × floor to our $ours."
}

# measured FILE: print the version that was measured for the results in FILE.md.
measured() { sed -n 's/^- BENCH=.*, chat-send \([0-9.]*\), .*/\1/p' "$REPOSITORY/tests/bench/results/$1.md"; }

# cell NAME COLUMN: print a cell of the first row with this NAME in the results.
cell() { awk -F ' *[|] *' -v name="$1" -v column="$2" '$2 == name { print $column; exit }' "$REPOSITORY/tests/bench/results/results.md"; }

@test "the figures in docs/performance.md come from the benchmark" {
  local name page=$REPOSITORY/docs/performance.md
  for name in 'the floor' 'chat-send, chat-recv' sqlite3 redis-cli beanstalkd; do
    run -0 grep -cF "| $name | $(cell "$name" 6) | $(cell "$name" 12) | $(cell "$name" 3) |" "$page"
  done
  run tr '\n' ' ' <"$page"
  assert_output --partial "figures on this page are those of version $(measured results),"
  assert_output --partial "stored $(cell 'in: chat-send -l' 3) lines a second, and \`.import\`"
  assert_output --partial "shell $(cell 'in: sqlite3 .import' 3) into"
  assert_output --partial "delivered $(cell 'out: chat-recv -a' 3) lines a second, and \`redis-cli\` $(cell 'out: redis-cli RPOP' 3). "
  assert_equal "$(measured postgres)" "$(measured results)"
}

# on_cluster TABLE ROW COLUMN FORMAT: print a figure of the benchmark of PostgreSQL.
on_cluster() {
  awk -F '\t' -v table="$1" -v row="$2" -v column="$3" -v format="$4" \
    'index($1, table) == 1 && $2 == row && $3 == column { printf format, $4; exit }' "$REPOSITORY/tests/bench/results/postgres.tsv"
}

@test "the figures for PostgreSQL in docs/performance.md come from its benchmark and appear in its table" {
  local ours='chat-send, chat-recv on the cluster' one='One command, one message'
  run tr '\n' ' ' <"$REPOSITORY/docs/performance.md"
  assert_output --partial "took $(on_cluster "$one" "$ours" 'send, × floor' %.1f) times as long as the floor, and a row"
  assert_output --partial "by hand $(on_cluster "$one" 'SKIP LOCKED by hand on the cluster' 'send, × floor' %.1f) times as long. "
  assert_output --partial "stored $(on_cluster Streams "$ours" 'in, lines a second' %s) lines a second"
  assert_output --partial "delivered $(on_cluster Streams "$ours" 'out, lines a second' %s). "
  assert_output --partial "next line after $(on_cluster Wake-up "$ours" 'median, ms' %.1f) ms."
  run -0 grep -cF "| $ours | $(on_cluster "$one" "$ours" 'send, ms' %s) |" "$REPOSITORY/tests/bench/results/postgres.md"
}

@test "each alternative in the lists of skipped and of allowed tests matches a test and has a reason" {
  local list
  for list in postgres/skipped suite.allowed; do
    # An alternative ends at a bar outside parentheses.
    run perl -F'\t' -lane '
      next if /^(#|$)/;
      my ($feature, $patterns, $reason) = @F;
      print "$feature has no reason" if !$reason;
      open my $file, "<", "$ENV{REPOSITORY}/tests/$feature.bats" or print "there is no feature $feature";
      my @names = map { /^\@test "(.*)" \{/ ? $1 : () } <$file>;
      $patterns =~ s/(\\.|\((?:[^()\\]|\\.)*\))|\|/$1 || "\n"/ge;
      for my $pattern (split /\n/, $patterns) {
        print "no test of $feature matches \x27$pattern\x27" if !grep { /$pattern/ } @names;
      }' "$REPOSITORY/tests/$list"
    assert_success
    assert_output ''
  done
}

@test "make lint finds translated English in a page, a manual page, a comment, a message and a test name" {
  local file
  printf '%s\n' '# News' '' 'It waits for' 'room.' >page.md
  printf '%s\n' .Pp 'The message is' '.Em none' '.Pp' 'It is no room.' >page.7
  printf '%s\n' '// What a caller sees' '// is this.' 'int i;' >comment.c
  printf '%s\n' 'say("nobody is there");' >message.c
  printf '%s\n' '@test "it is told" {' '}' >name.bats
  for file in page.md:3:\ room-as-space page.7:2:\ none page.7:5:\ is-no comment.c:1:\ what-clause message.c:1:\ somebody name.bats:1:\ told; do
    run -1 "$REPOSITORY/mk/prose" "$PWD/${file%%:*}"
    assert_line --partial "$PWD/$file: "
  done
  # The control: plain words pass.
  printf '%s\n' 'A receiver waits for a message.' >page.md
  run "$REPOSITORY/mk/prose" "$PWD/page.md"
  refute_output --partial page.md
}
