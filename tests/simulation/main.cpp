// simulation: whole servers in one process under virtual time, on a network, disks and a DNS that fail, by seed.
#include <fmt/format.h>

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/text.h"
#include "simulation/world.h"

namespace angarium::simulation {
namespace {

constexpr std::string_view kUsage =
    "usage: simulation [--seeds N] [--from K] [--seed X] [--verbose]\n"
    "  --seeds N   so many worlds (default 100)\n"
    "  --from K    the first seed (default 1)\n"
    "  --seed X    this world alone\n"
    "  --verbose   with all that happens in it\n";
/// Each of so many seeds runs twice, and must take the same course.
constexpr std::uint64_t kTwice = 25;

/// Mail is sealed in one world of so many.
constexpr std::uint64_t kSealed = 3;

struct Wish {
  std::uint64_t from = 1;
  std::uint64_t count = 100;
  Show show = Show::nothing;
};

std::optional<Wish> parse(int count, char** words) {
  Wish wish;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--verbose") {
      wish.show = Show::everything;
      continue;
    }
    const auto number = i + 1 < count ? parse_number<std::uint64_t>(words[++i]) : std::nullopt;
    if (!number) return std::nullopt;
    if (word == "--seeds") {
      wish.count = *number;
    } else if (word == "--from") {
      wish.from = *number;
    } else if (word == "--seed") {
      wish.from = *number;
      wish.count = 1;
    } else {
      return std::nullopt;
    }
  }
  return wish;
}

/// What the servers themselves have to say.
class LogToJournal final : public log::Sink {
 public:
  explicit LogToJournal(Journal*& journal) : journal_(journal) {}
  void write(log::Level, std::string_view room, std::string_view event, const log::Field* fields,
             std::size_t count) override {
    std::string line = fmt::format("  {}: {}", room, event);
    for (std::size_t i = 0; i < count; ++i) line += fmt::format(" {}={}", fields[i].name, fields[i].value);
    if (journal_ != nullptr) journal_->note("log", line);
  }

 private:
  Journal*& journal_;
};

/// Folders for keys, a new one for each world.
class KeyFolder {
 public:
  KeyFolder() {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no folder for keys: " + path_);
  }
  KeyFolder(const KeyFolder&) = delete;
  KeyFolder& operator=(const KeyFolder&) = delete;
  ~KeyFolder() { clear(); }
  [[nodiscard]] std::string for_seed(std::uint64_t seed) const {
    clear();
    return seed % kSealed == 0 ? path_ : "";
  }

 private:
  void clear() const {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string path_ = std::filesystem::temp_directory_path() / "angarium-simulation-XXXXXX";
};

struct Sum {
  Ledger::Counts counts;
  std::uint64_t deaths = 0;
  Server::Rotations rotations;
};

/// The course of one world; nothing when a rule was broken.
std::optional<std::uint64_t> run(std::uint64_t seed, const KeyFolder& keys, Show show, Journal*& current, Sum& sum) {
  Journal journal(show);
  current = &journal;
  {
    World world(seed, journal, keys.for_seed(seed));
    world.run();
    sum.counts.letters += world.counts().letters;
    sum.counts.passages += world.counts().passages;
    sum.counts.repeated += world.counts().repeated;
    sum.counts.bounced += world.counts().bounced;
    sum.deaths += world.deaths();
    sum.rotations.begun += world.rotations().begun;
    sum.rotations.ended += world.rotations().ended;
  }
  current = nullptr;
  if (journal.wrong().empty()) return journal.hash();
  fmt::print("seed {}: {}\n", seed, journal.wrong());
  return std::nullopt;
}

int main_of(const Wish& wish, const char* program) {
  Journal* current = nullptr;
  log::configure(std::make_unique<LogToJournal>(current),
                 wish.show == Show::everything ? log::Level::info : log::Level::error);
  const KeyFolder keys;
  Sum sum;
  for (std::uint64_t seed = wish.from; seed < wish.from + wish.count; ++seed) {
    const auto course = run(seed, keys, wish.show, current, sum);
    bool well = course.has_value();
    Sum again;
    if (well && (wish.count == 1 || seed % kTwice == 0) && run(seed, keys, Show::nothing, current, again) != course) {
      fmt::print("seed {}: it takes another course the second time\n", seed);
      well = false;
    }
    if (!well) {
      fmt::print("again: {} --seed {} --verbose\n", program, seed);
      return EXIT_FAILURE;
    }
  }
  fmt::print(
      "{} worlds: {} letters acknowledged, {} passages between servers and users, {} deaths of servers, {} rotations "
      "of "
      "keys, {} of them cut short, {} failures told, {} copies more than one where SMTP allows it; nothing lost\n",
      wish.count, sum.counts.letters, sum.counts.passages, sum.deaths, sum.rotations.begun,
      sum.rotations.begun - sum.rotations.ended, sum.counts.bounced, sum.counts.repeated);
  return sum.counts.letters > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace angarium::simulation

int main(int count, char** words) {
  const auto wish = angarium::simulation::parse(count, words);
  if (!wish) {
    fmt::print(stderr, "{}", angarium::simulation::kUsage);
    return 2;
  }
  return angarium::simulation::main_of(*wish, words[0]);
}
