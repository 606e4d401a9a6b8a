# Ranks on machines of their own, as far as one machine can play them: network namespaces with names, joined by a bridge, TCP
# between them, no shared memory. 2 and 4 of them give the bytes of one process; the loss of one ends all. Needs root.
# shellcheck disable=SC2086 # $small: words
. "$SOURCE_DIR/tests/cli/ranks_lib.sh"
for tool in ip unshare; do
    command -v $tool >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
[ "$(id -u)" -eq 0 ] || { echo "skipped: network namespaces need root"; exit 77; }

tag=mn$$
net=10.$(($$ % 200 + 20)).77
drop_network() {
    for i in 1 2 3 4; do
        ip netns del "$tag-$i" 2>/dev/null
    done
    ip link del "$tag" 2>/dev/null
    rm -rf "$tmp"
}
trap drop_network EXIT

make_network() {
    ip link add "$tag" type bridge && ip addr add "$net.254/24" dev "$tag" && ip link set "$tag" up || return 1
    for i in 1 2 3 4; do
        ip netns add "$tag-$i" && ip link add "$tag-$i" type veth peer name eth0 netns "$tag-$i" &&
            ip link set "$tag-$i" master "$tag" up && ip -n "$tag-$i" addr add "$net.$i/24" dev eth0 &&
            ip -n "$tag-$i" link set eth0 up && ip -n "$tag-$i" link set lo up || return 1
    done
}
make_network 2>"$tmp/network" || { echo "skipped: no network namespaces: $(head -n 1 "$tmp/network")"; exit 77; }

# What mpirun starts its daemons with, in place of ssh: `agent HOST COMMAND...`.
cat >"$tmp/agent" <<'AGENT'
#!/bin/sh
host=$1
shift
exec ip netns exec "$host" unshare --uts sh -c "hostname $host && $*"
AGENT
chmod +x "$tmp/agent"

# network N: `ranks` then has N machines with one processor each.
network() {
    hosts=
    for i in $(seq "$1"); do
        hosts=$hosts${hosts:+,}$tag-$i:1
    done
    launcher="--host $hosts --mca plm rsh --mca plm_rsh_agent $tmp/agent --mca btl tcp,self --mca pml ob1
        --mca btl_tcp_if_include $net.0/24 --mca oob_tcp_if_include $net.0/24"
}

make_data "$tmp/data"
run train "$tmp/data" $small --epochs 4 -o "$tmp/one"
expect_code 0
for n in 2 4; do
    network $n
    ranks $n train "$tmp/data" $small --epochs 4 --sync-bn -o "$tmp/ranks$n"
    expect_code 0
    expect_err_line "^$n ranks share every batch"
    expect_same_file "$tmp/one" "$tmp/ranks$n"
    expect_same_file "$tmp/one.checkpoint" "$tmp/ranks$n.checkpoint"
done
run evaluate "$tmp/data" --model "$tmp/one" --json
right=$(json top1_right)
ranks 4 evaluate "$tmp/data" --model "$tmp/one" --json
expect_code 0
expect_json ranks 4
expect_json top1_right "$right"

# The loss of a rank of another machine: mpirun ends the others; two machines go on from the checkpoint.
run train "$tmp/data" $small --epochs 60 -o "$tmp/long" # long enough to be met in the middle
expect_code 0
network 4
begin_ranks "$tmp/log" 4 4 train "$tmp/data" $small --epochs 60 --sync-bn -o "$tmp/lost" --checkpoint-steps 1
kill -9 "$(ranks_of | tail -n 1)"
end_ranks
[ "$code" -ne 0 ] || fail "a lost rank was expected to end the run"
[ -z "$(ranks_of)" ] || fail "no rank was expected to go on"
network 2
ranks 2 train "$tmp/data" $small --epochs 60 --sync-bn -o "$tmp/lost" --checkpoint-steps 1 --resume
expect_code 0
expect_err_line '^going on after step '
expect_same_file "$tmp/long" "$tmp/lost"
finish
