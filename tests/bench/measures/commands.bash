# One command, one message: the contenders one after the other, against the floor in the same round.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154

# race_all send|recv ROUNDS
race_all() {
  local verb=$1 rounds=$2 name command
  local -a list=("$tools/floor" "$work/floor") rows=(floor)
  for name in "${present[@]}"; do
    can "$name" "$verb" || continue
    declare -n command=${name}_$verb
    list+=(::: "${command[@]}")
    rows+=("$name")
  done
  "${on_disk[@]}" "$tools/race" "$rounds" "${list[@]}" >"$work/race"
  for name in "${rows[@]}"; do
    IFS=$'\t' read -r time p99 ratio _ failures
    failed "${names[$name]} ($verb, disk +$disk ms)" "$failures"
    if [ "$disk" = 0 ]; then
      record "$table" "${names[$name]}" "$verb, ms" "$time"
      record "$table" "${names[$name]}" "$verb, p99 ms" "$p99"
    fi
    record "$table" "${names[$name]}" "$verb, × floor$slower" "$ratio"
  done <"$work/race"
}

table='One command, one message'
record "$table" "${names[floor]}" durable yes
for milliseconds in 0 1 5; do
  set_disk $milliseconds
  start_contenders
  for name in "${present[@]}"; do
    durable=${name}_durable
    [ "$disk" != 0 ] || record "$table" "${names[$name]}" durable "${!durable}"
  done
  race_all send "$(scaled $((disk ? 40 : 100)) 3)"
  race_all recv "$(scaled $((disk ? 40 : 100)) 3)"
  stop_contenders
done
