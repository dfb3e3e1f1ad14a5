# SPDX-License-Identifier: Apache-2.0
# bash completion for aisle
_aisle() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "run search sweep plan collective replay check list show explain compare report validate import import-model inspect calibrate --help --version -h" -- "$word")
    return
  fi
  case $previous in
    --engine) mapfile -t COMPREPLY < <(compgen -W "event analytic" -- "$word"); return ;;
    --op) mapfile -t COMPREPLY < <(compgen -W "all_reduce all_gather reduce_scatter broadcast reduce all_to_all send_recv barrier dispatch combine" -- "$word"); return ;;
    --algo) mapfile -t COMPREPLY < <(compgen -W "ring tree nvls nvls_tree collnet_direct collnet_chain pat recursive hierarchical one_shot two_shot copy_engine" -- "$word"); return ;;
    --proto) mapfile -t COMPREPLY < <(compgen -W "ll ll128 simple" -- "$word"); return ;;
    --onto) mapfile -t COMPREPLY < <(compgen -W "$(aisle list systems 2>/dev/null | awk 'NR > 1 {print $1}') $(aisle list accelerators 2>/dev/null | awk 'NR > 1 {print $1}')" -- "$word"); return ;;
    --from) mapfile -t COMPREPLY < <(compgen -W "$(aisle list accelerators 2>/dev/null | awk 'NR > 1 {print $1}')" -- "$word"); return ;;
    --model) mapfile -t COMPREPLY < <(compgen -W "$(aisle list models 2>/dev/null | awk 'NR > 1 {print $1}')" -- "$word"; compgen -f -- "$word"); return ;;
    --grow) mapfile -t COMPREPLY < <(compgen -W "tensor pipeline data expert" -- "$word"); return ;;
    --accelerator) mapfile -t COMPREPLY < <(compgen -W "$(aisle list accelerators 2>/dev/null | awk 'NR > 1 {print $1}')" -- "$word"); return ;;
    --system) mapfile -t COMPREPLY < <(compgen -W "$(aisle list systems 2>/dev/null | awk 'NR > 1 {print $1}')" -- "$word"); return ;;
    --objective) mapfile -t COMPREPLY < <(compgen -W "step_time_s mfu tokens_per_s_per_chip tflops_per_chip cost_usd usd_per_million_tokens energy_mwh kwh_per_million_tokens co2_t hbm_headroom_bytes" -- "$word"); return ;;
    --over | --fix) mapfile -t COMPREPLY < <(compgen -W "tensor context pipeline expert zero schedule virtual_stages micro_batch recompute" -- "$word"); return ;;
    --trace) mapfile -t COMPREPLY < <(compgen -W "chakra" -- "$word"); return ;;
    --plot-by) mapfile -t COMPREPLY < <(compgen -W "kind chip chips" -- "$word"); return ;;
    --half) mapfile -t COMPREPLY < <(compgen -W "fitted held-out" -- "$word"); return ;;
    -o | --output | --ledger | --plot | --scenarios | --like-rows) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    list) mapfile -t COMPREPLY < <(compgen -W "accelerators systems fabrics models calibrations supplies export-rules studies" -- "$word"); return ;;
  esac
  local flags
  case $command in
    run) flags="--set --engine --both-engines --no-fold --tornado --trace --seed -o --output --stdin --json -q --quiet" ;;
    sweep) flags="-o --output --resume --jobs --engine --set --shard --merge --no-blobs --slurm --dry-run --tasks --partition --time --mem --stdin --progress --json -q --quiet" ;;
    plan) flags="--set -o --output --jobs --no-sensitivity --stdin --progress --json -q --quiet" ;;
    search) flags="--objective --limit --rerank --over --fix --accelerators --set --jobs -o --output --stdin --progress --json -q --quiet" ;;
    collective) flags="--system --chips --op -b --begin -e --end -f --factor --algo --proto --fabric --nic --set --engine --no-fold --json" ;;
    replay) flags="--onto --ranks --from --model --grow --group --set --engine --both-engines -o --output --json -q --quiet" ;;
    check) flags="--set --stdin --json" ;;
    show) flags="--chips --json" ;;
    compare) flags="--engine -o --output --json" ;;
    report) flags="-o --output --metric --engine --json" ;;
    validate) flags="--ledger --kind --half --engine --bound --plot --plot-by --scenarios --like-rows --json" ;;
    import) flags="-o --output --json" ;;
    import-model) flags="-o --output --sequence --json" ;;
    inspect) flags="--model --top --json" ;;
    calibrate) flags="--accelerator --usual -o --output --json" ;;
    *) flags="--json" ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags -h --help" -- "$word")
  elif [ "$command" = import ] || [ "$command" = import-model ] || [ "$command" = inspect ]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -W "$(aisle list studies 2>/dev/null | awk 'NR > 1 {print $1}')" -- "$word"; compgen -f -- "$word")
  fi
}
complete -F _aisle aisle
