#include "support/session.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/text.h"
#include "io/memory.h"
#include "support/session_script.h"

namespace angarium::test {
namespace {

/// The two ends of one connection of the script, and what the client received and the script has not yet read.
struct Link {
  wire::MemoryConnections ends;
  std::string received;
  bool ended = false;
};

/// Every text the functions return is empty, or says what went wrong.
class Player {
 public:
  Player(const ServerSetup& setup, const SessionOptions& options)
      : options_(options), loop_(options.seed), server_(setup()) {}
  ~Player() { loop_.destroy_tasks(); }

  std::string play(const Script& script) {
    const auto& steps = script.steps;
    for (std::size_t i = 0; i < steps.size();) {
      auto end = options_.delivery == Delivery::pipelined ? end_of_pipeline(steps, i) : i;
      if (end > i) {
        if (auto wrong = play_pipeline(steps, i, end); !wrong.empty()) return wrong;
        i = end;
        continue;
      }
      end = i + 1;
      if (steps[i].kind == Step::Kind::expect_any_order) end = end_of_any_order(steps, i);
      if (auto wrong = play_step(steps, i, end); !wrong.empty()) return at(steps[i], wrong);
      i = end;
    }
    return finish();
  }

 private:
  static std::string at(const Step& step, const std::string& wrong) {
    return fmt::format("line {}: {}", step.line, wrong);
  }

  static std::size_t end_of_any_order(const std::vector<Step>& steps, std::size_t begin) {
    auto end = begin;
    while (end < steps.size() && steps[end].kind == Step::Kind::expect_any_order &&
           steps[end].connection == steps[begin].connection)
      ++end;
    return end;
  }

  /// A run of sends and expectations on one connection that begins with a send; `begin` if there is none.
  static std::size_t end_of_pipeline(const std::vector<Step>& steps, std::size_t begin) {
    auto end = begin;
    while (end < steps.size() && steps[end].connection == steps[begin].connection &&
           (steps[end].kind == Step::Kind::send || steps[end].kind == Step::Kind::expect ||
            steps[end].kind == Step::Kind::expect_any_order))
      ++end;
    return steps[begin].kind == Step::Kind::send ? end : begin;
  }

  /// A send that uses what a reply before it gave cannot be sent before: the pipeline is broken there.
  std::string play_pipeline(const std::vector<Step>& steps, std::size_t begin, std::size_t end) {
    auto next = begin;
    while (next < end) {
      std::string octets;
      auto stop = next;
      for (; stop < end; ++stop) {
        if (steps[stop].kind != Step::Kind::send) continue;
        if (stop > next && !steps[stop].exact && steps[stop].text.find("{$") != std::string::npos) break;
        auto text = text_of(steps[stop]);
        if (!text) return at(steps[stop], text.error().text());
        octets += *text;
      }
      if (auto wrong = deliver(link(steps[next].connection), octets); !wrong.empty()) return at(steps[next], wrong);
      for (; next < stop;) {
        auto after =
            steps[next].kind == Step::Kind::expect_any_order ? std::min(end_of_any_order(steps, next), stop) : next + 1;
        if (steps[next].kind != Step::Kind::send)
          if (auto wrong = play_step(steps, next, after); !wrong.empty()) return at(steps[next], wrong);
        next = after;
      }
    }
    return {};
  }

  std::string play_step(const std::vector<Step>& steps, std::size_t begin, std::size_t end) {
    const auto& step = steps[begin];
    if (step.kind == Step::Kind::time) {
      loop_.advance(step.time);
      return {};
    }
    auto& on = link(step.connection);
    switch (step.kind) {
      case Step::Kind::send: {
        auto text = text_of(step);
        return text ? send(on, *text) : text.error().text();
      }
      case Step::Kind::expect: return expect(on, step);
      case Step::Kind::expect_any_order: return expect_any_order(on, steps, begin, end);
      case Step::Kind::silence:
        pump(on);
        return on.received.empty() ? "" : fmt::format("the server said: {}", escape_controls(on.received));
      case Step::Kind::tls: return start_tls(on);
      case Step::Kind::eof:
        pump(on);
        if (!on.received.empty()) return fmt::format("the server said: {}", escape_controls(on.received));
        return on.ended ? "" : "the connection is still open";
      case Step::Kind::close:
        on.ends.client->close();
        loop_.settle();
        return {};
      case Step::Kind::time: break;
    }
    return {};
  }

  Link& link(int number) {
    auto& place = links_[number];
    if (place) return *place;
    place = std::make_unique<Link>();
    place->ends = wire::memory_connections(options_.connection);
    loop_.spawn(serve(*place));
    loop_.settle();
    return *place;
  }

  io::Task<> serve(Link& on) {
    co_await server_(*on.ends.server);
    on.ends.server.reset();
  }

  Result<std::string> text_of(const Step& step) const {
    if (step.exact) return step.text;
    return replace_variables(step.text, variables_);
  }

  std::string send(Link& on, std::string_view octets) {
    std::size_t piece = octets.size();
    if (options_.delivery == Delivery::octets) piece = 1;
    if (options_.delivery == Delivery::cut && options_.cut < octets.size()) {
      if (auto wrong = deliver(on, octets.substr(0, options_.cut)); !wrong.empty()) return wrong;
      octets.remove_prefix(options_.cut);
      piece = octets.size();
    }
    for (; !octets.empty(); octets.remove_prefix(std::min(piece, octets.size())))
      if (auto wrong = deliver(on, octets.substr(0, piece)); !wrong.empty()) return wrong;
    return {};
  }

  /// Octets for a server that closed are lost, as on a real line.
  std::string deliver(Link& on, std::string_view octets) {
    for (bool stuck = false; !octets.empty();) {
      auto written = on.ends.client->try_write(octets);
      if (!written) return {};
      if (*written == 0 && std::exchange(stuck, true)) return "the server does not read what the client sends";
      if (*written > 0) stuck = false;
      octets.remove_prefix(*written);
      loop_.settle();
      pump(on);
    }
    return {};
  }

  /// Takes everything the server has sent.
  void pump(Link& on) {
    char buffer[4096];
    loop_.settle();
    while (!on.ended) {
      auto count = on.ends.client->try_read(buffer);
      if (!count) {
        on.ended = true;
      } else if (*count == 0) {
        return;
      } else {
        on.received.append(buffer, *count);
        loop_.settle();
      }
    }
  }

  /// The next line the server sent, without CRLF; an error text in `wrong` when there is none.
  std::string take_line(Link& on, std::string& wrong) {
    pump(on);
    auto feed = on.received.find('\n');
    if (feed == std::string::npos) {
      wrong = on.received.empty()
                  ? on.ended ? "the server ended the connection" : "the server said nothing"
                  : fmt::format("the server said, without a line end: {}", escape_controls(on.received));
      return {};
    }
    auto line = on.received.substr(0, feed);
    on.received.erase(0, feed + 1);
    if (!line.ends_with('\r')) wrong = fmt::format("the server's line ends without CR: {}", escape_controls(line));
    if (line.ends_with('\r')) line.pop_back();
    return line;
  }

  Result<bool> fits(const Step& step, std::string_view line) {
    auto fit = step.exact ? Result<bool>(step.text == line) : matches(step.text, line, variables_);
    if (!fit || *fit || options_.visible == nullptr || options_.visible(line) == line) return fit;
    line = options_.visible(line);
    return step.exact ? Result<bool>(step.text == line) : matches(step.text, line, variables_);
  }

  std::string expect(Link& on, const Step& step) {
    std::string wrong;
    auto line = take_line(on, wrong);
    if (!wrong.empty()) return fmt::format("{}\n  expected: {}", wrong, step.text);
    auto fit = fits(step, line);
    if (!fit) return fit.error().text();
    return *fit ? "" : fmt::format("\n  expected: {}\n  got:      {}", step.text, escape_controls(line, 2000));
  }

  std::string expect_any_order(Link& on, const std::vector<Step>& steps, std::size_t begin, std::size_t end) {
    std::vector<const Step*> open;
    for (auto i = begin; i < end; ++i) open.push_back(&steps[i]);
    while (!open.empty()) {
      std::string wrong;
      auto line = take_line(on, wrong);
      if (!wrong.empty()) return fmt::format("{}\n  expected: {}", wrong, open.front()->text);
      // A pattern without wildcards goes first, so that a wide one does not take its line.
      auto found = std::find_if(open.begin(), open.end(), [&](auto* step) { return step->text == line; });
      if (found == open.end())
        found = std::find_if(open.begin(), open.end(), [&](auto* step) { return fits(*step, line).value_or(false); });
      if (found == open.end()) return fmt::format("\n  expected none of these: {}", escape_controls(line, 2000));
      open.erase(found);
    }
    return {};
  }

  io::Task<> handshake(Link& on, std::string& outcome) {
    wire::Input nothing;
    auto started = co_await on.ends.client->start_tls(nothing);
    outcome = started ? "" : started.error().text();
  }

  std::string start_tls(Link& on) {
    pump(on);
    if (!on.received.empty()) return fmt::format("before TLS the server said: {}", escape_controls(on.received));
    std::string outcome = "the server does not start TLS";
    loop_.spawn(handshake(on, outcome));
    loop_.settle();
    auto wrong = outcome;
    if (!wrong.empty()) on.ends.client->close();
    loop_.settle();
    return wrong;
  }

  /// After the script: nothing unexpected was said, and the server's tasks end once the clients are gone.
  std::string finish() {
    for (auto& [number, on] : links_) {
      pump(*on);
      if (!on->received.empty())
        return fmt::format("after the script, connection {}: the server said: {}", number,
                           escape_controls(on->received));
    }
    for (auto& [number, on] : links_) on->ends.client->close();
    loop_.settle();
    if (loop_.tasks() > 0) loop_.advance(std::chrono::hours(1));
    return loop_.tasks() == 0 ? "" : "the server goes on after its clients are gone";
  }

  const SessionOptions& options_;
  io::SimulatedLoop loop_;
  Server server_;
  std::map<int, std::unique_ptr<Link>> links_;
  Variables variables_;
};

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return {};
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The places at which sends are cut: every one, or kMostCuts spread evenly over longer sends.
std::vector<std::size_t> cuts_of(const Script& script) {
  constexpr std::size_t kMostCuts = 256;
  std::size_t longest = 0;
  for (const auto& step : script.steps)
    if (step.kind == Step::Kind::send) longest = std::max(longest, step.text.size());
  std::vector<std::size_t> cuts;
  auto stride = std::max<std::size_t>(1, longest / kMostCuts);
  for (std::size_t cut = 1; cut < longest; cut += stride) cuts.push_back(cut);
  return cuts;
}

}  // namespace

std::string play_session(std::string_view script, const ServerSetup& setup, const SessionOptions& options) {
  auto read = read_script(script);
  if (!read) return read.error().text();
  return Player(setup, options).play(*read);
}

void check_session(const std::string& path, const ServerSetup& setup, SessionOptions options) {
  auto text = read_text(path);
  auto script = read_script(text);
  auto steps = script ? script->steps.size() : 0;
  CHECK_MESSAGE(steps > 0, path, ": ", script ? "empty or unreadable" : script.error().text());
  if (steps == 0) return;
  auto play = [&](Delivery delivery, std::size_t cut, std::uint64_t seed, std::string_view name) {
    options.delivery = delivery;
    options.cut = cut;
    options.seed = seed;
    auto wrong = Player(setup, options).play(*script);
    CHECK_MESSAGE(wrong.empty(), path, " (", name, " ", cut, ", seed ", seed, "): ", wrong);
    return wrong.empty();
  };
  if (!play(Delivery::whole, 0, 0, "whole")) return;
  for (std::uint64_t seed = 1; seed <= 3; ++seed)
    if (!play(Delivery::whole, 0, seed, "whole")) return;
  if (!play(Delivery::octets, 0, 0, "octet by octet")) return;
  for (auto cut : cuts_of(*script))
    if (!play(Delivery::cut, cut, 0, "cut at")) return;
  if (script->may_pipeline) play(Delivery::pipelined, 0, 0, "pipelined");
}

void check_sessions(const std::string& folder, const ServerSetup& setup, SessionOptions options) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".txt") paths.push_back(entry.path().string());
  CHECK_MESSAGE(!paths.empty(), "no session scripts in ", folder);
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) check_session(path, setup, options);
}

}  // namespace angarium::test
