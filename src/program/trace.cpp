// angarium trace: the life stories of messages, in order, in local time.
#include <fmt/core.h>

#include <boost/json.hpp>
#include <cstdio>
#include <optional>

#include "base/text.h"
#include "base/time_text.h"
#include "configuration/schema.h"
#include "program/answer.h"
#include "program/commands.h"

namespace angarium::program {
namespace {

namespace json = boost::json;

/// How much later than the line before: "+12 ms", "+3 min".
std::string later(std::int64_t microseconds) {
  if (microseconds < 1000) return "";
  const std::int64_t ms = microseconds / 1000;
  if (ms < 10'000) return fmt::format("+{} ms", ms);
  if (ms < 120'000) return fmt::format("+{} s", ms / 1000);
  if (ms < 7'200'000) return fmt::format("+{} min", ms / 60'000);
  if (ms < 172'800'000) return fmt::format("+{} h {} min", ms / 3'600'000, ms / 60'000 % 60);
  return fmt::format("+{} days", ms / 86'400'000);
}

/// "2h" ago, or a time.
std::optional<WallTime> time_of(const std::string& words) {
  Duration ago{};
  if (configuration::parse_duration(words, ago)) return WallTime{system_clock().wall().microseconds - ago.count()};
  return parse_time(words);
}

void print_story(const json::object& story) {
  const std::string outcome = text(story, "outcome");
  const std::string summary = text(story, "summary");
  const bool more = !summary.empty() && summary != outcome;
  fmt::print("message {}: {}{}{}\n", text(story, "id"), outcome, more ? ", " : "", more ? summary : "");
  std::int64_t before = 0;
  for (const json::value& one : elements(story, "story")) {
    const json::object& line = one.as_object();
    const std::int64_t at = number(line, "microseconds");
    const bool same = before != 0 && at / 1000 == before / 1000;
    fmt::print("  {:<23}  {:>12}  {}\n", same ? "" : to_local_text(WallTime{at}), before == 0 ? "" : later(at - before),
               text(line, "words"));
    before = at;
  }
  for (const json::value& one : elements(story, "advice"))
    fmt::print("  what you can do: {}\n", std::string(one.as_string()));
}

}  // namespace

int trace_find(const Context& context, const TraceFilter& filter) {
  control::Request request{.verb = "trace.find", .arguments = {}};
  request.add("what", filter.what);
  if (!filter.since.empty()) {
    const auto since = time_of(filter.since);
    if (!since)
      return report(context,
                    {.exit_code = control::kUsage,
                     .error = "'" + escape_controls(filter.since, 100) +
                              "' is no time: write 2h, 3d, 2026-11-22, '2026-11-22 14:30', '2026-11-22 14:30:05.120' "
                              "or 2026-11-22T14:30:05Z"});
    request.add("since", std::to_string(since->microseconds));
  }
  if (filter.limit > 0) request.add("limit", std::to_string(filter.limit));
  Server server(context);
  const auto reply = server.ask(request);
  if (!reply) return report(reply.error());
  if (reply->exit_code != control::kDone) return report(context, *reply);
  const auto answer = object_in(reply->result);
  if (!answer) return report(answer.error());
  const json::array& stories = elements(*answer, "stories");
  if (context.json) fmt::print("{}\n", json::serialize(stories));
  if (stories.empty()) {
    const std::string what = filter.what == "last" ? "any message" : "'" + escape_controls(filter.what, 100) + "'";
    if (!context.json)
      return report(context, {.exit_code = control::kFailed,
                              .error = "nothing is known of " + what + (filter.since.empty() ? "" : " since then") +
                                       "; stories are kept for trace.keep (angarium config show); the latest: angarium "
                                       "trace last"});
    return control::kFailed;
  }
  if (context.json) return control::kDone;
  bool first = true;
  for (const json::value& story : stories) {
    if (!std::exchange(first, false)) fmt::print("\n");
    print_story(story.as_object());
  }
  if (const std::int64_t left = number(*answer, "left_off"); left > 0)
    fmt::print(stderr, "\n{} older ones are left out, for the answer is long: ask for fewer by --limit\n", left);
  return control::kDone;
}

}  // namespace angarium::program
