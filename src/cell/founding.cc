#include "cell/founding.hh"

#include <fmt/format.h>

namespace polis::cell {

std::optional<std::string> founding_warning(const Settings& settings, bool first_start,
                                            const consensus::Configuration& now) {
  if (first_start && settings.founds_by_default) {
    return fmt::format(
        "this replica founds a cell of one, because neither --initial nor --join was given. If it "
        "was meant to found a cell with others: stop it, delete {}, and start it with --initial "
        "a=HOST:PORT,b=HOST:PORT,..., the same on each. If a cell of one is meant, say so: "
        "--initial ''",
        settings.data_dir);
  }
  const bool alone = now.everyone() == std::vector{settings.id};
  if (first_start || !alone || settings.founders.size() <= 1) return std::nullopt;
  std::string names;
  for (const peers::Peer& founder : settings.founders)
    names += (names.empty() ? "" : ", ") + founder.name;
  return fmt::format(
      "--initial names {}, but {} holds a cell of one: it was founded without --initial, or the "
      "others were removed. --initial counts at the first start alone and is ignored now. If this "
      "replica belongs to the others: stop it, delete {} (what was written to it alone is lost) "
      "and "
      "start it again. If it is the cell to keep: leave --initial out, and let the others join it "
      "(polis cell add NAME=HOST:PORT)",
      names, settings.data_dir, settings.data_dir);
}

}  // namespace polis::cell
