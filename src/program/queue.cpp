// angarium queue, and mailq: what waits, told a line a message, and what may be done about it.
#include <fmt/core.h>

#include <boost/json.hpp>
#include <optional>

#include "base/text.h"
#include "configuration/schema.h"
#include "envelope/delivery_id.h"
#include "program/answer.h"
#include "program/commands.h"

namespace angarium::program {
namespace {

namespace json = boost::json;

/// "42s", "12m", "3h12m", "4d3h".
std::string span(std::int64_t seconds) {
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m", seconds / 60);
  if (seconds < 86400) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d{}h", seconds / 86400, seconds / 3600 % 24);
}

std::string size(std::int64_t octets) {
  if (octets < 1024) return fmt::format("{} B", octets);
  if (octets < 1024 * 1024) return fmt::format("{:.1f} KiB", static_cast<double>(octets) / 1024);
  return fmt::format("{:.1f} MiB", static_cast<double>(octets) / 1024 / 1024);
}

std::string messages(std::uint64_t count) { return fmt::format("{} message{}", count, count == 1 ? "" : "s"); }

/// The younger of what a recipient's server said and why its destination is not tried.
const json::object* last_words(const json::object& destination, const json::object* recipient) {
  const json::object* const back_off = part(destination, "back_off");
  const json::object* const unreached = back_off == nullptr ? nullptr : part(*back_off, "trouble");
  const json::object* const said = recipient == nullptr ? nullptr : part(*recipient, "trouble");
  if (unreached == nullptr || said == nullptr) return unreached == nullptr ? said : unreached;
  return text(*said, "at") > text(*unreached, "at") ? said : unreached;
}

std::string words(const json::object& trouble) {
  const std::string host = text(trouble, "host");
  return text(trouble, "words") + (host.empty() ? "" : ", said " + host);
}

/// "deferred, next in 5m".
std::string state(const json::object& destination) {
  const std::string is = text(destination, "state");
  return is == "deferred" ? "deferred, next in " + span(number(destination, "next_in_seconds")) : is;
}

void print_line(const json::object& message) {
  std::string recipients;
  std::int64_t more = number(message, "recipients");
  for (const json::value& one : elements(message, "destinations")) {
    const json::object& destination = one.as_object();
    for (const json::value& each : elements(destination, "recipients")) {
      const json::object& recipient = each.as_object();
      const json::object* const said = last_words(destination, &recipient);
      recipients += (recipients.empty() ? "" : "; ") + text(recipient, "address") + " (" + state(destination) +
                    (said == nullptr ? "" : ": " + words(*said)) + ")";
      --more;
    }
  }
  if (more > 0) recipients += fmt::format("; and {} more", more);
  fmt::print("{:<12} {:>6} {:>10}  {} -> {}\n", text(message, "id"), span(number(message, "age_seconds")),
             size(number(message, "octets")), text(message, "sender"), recipients);
}

void print_destination(const json::object& destination) {
  const std::int64_t attempts = number(destination, "attempts");
  const std::string next = text(destination, "next_attempt");
  fmt::print("to {}: {}, {} attempt{}{}\n", text(destination, "destination"), state(destination), attempts,
             attempts == 1 ? "" : "s", next.empty() ? "" : ", due " + next);
  if (const std::string site = text(destination, "site"); !site.empty() && site != text(destination, "destination"))
    fmt::print("  hosts of {}\n", site);
  if (const json::object* const back_off = part(destination, "back_off")) {
    const json::object* const trouble = part(*back_off, "trouble");
    fmt::print("  not reached {} times since {}{}\n", number(*back_off, "failures"), text(*back_off, "since"),
               trouble == nullptr ? "" : ": " + text(*trouble, "status") + " " + words(*trouble));
  }
  for (const json::value& each : elements(destination, "recipients")) {
    const json::object& recipient = each.as_object();
    const json::object* const trouble = part(recipient, "trouble");
    fmt::print("  {}{}\n", text(recipient, "address"),
               trouble == nullptr
                   ? ""
                   : ": " + text(*trouble, "status") + " " + words(*trouble) + ", " + text(*trouble, "at"));
  }
}

void print_whole(const json::object& message) {
  fmt::print("message    {}, {}, {} recipient(s)\n", text(message, "id"), size(number(message, "octets")),
             number(message, "recipients"));
  fmt::print("sender     {}\n", text(message, "sender"));
  if (const std::string by = text(message, "submitter"); !by.empty()) fmt::print("submitter  {}\n", by);
  if (const std::string from = text(message, "received_from"); !from.empty()) fmt::print("brought by {}\n", from);
  if (text(message, "origin") != "accepted") fmt::print("origin     {} of this host\n", text(message, "origin"));
  fmt::print("arrived    {}, {} ago\n", text(message, "arrived"), span(number(message, "age_seconds")));
  fmt::print("expires    {}\n", text(message, "expires"));
  for (const json::value& destination : elements(message, "destinations")) print_destination(destination.as_object());
  if (const std::string damage = text(message, "damage"); !damage.empty())
    fmt::print("its text cannot be read: {}\n", damage);
  fmt::print("\n");
  for (const json::value& line : elements(message, "header")) fmt::print("{}\n", std::string(line.as_string()));
}

/// What a page's worth of messages names that is near to the word: ids, or destinations.
enum class Names : std::uint8_t { ids, destinations };
std::string suggestion(Server& server, const std::string& word, Names names) {
  const auto reply = server.ask({.verb = "queue.list", .arguments = {}});
  if (!reply || reply->exit_code != control::kDone) return "";
  const auto page = object_in(reply->result);
  if (!page) return "";
  std::vector<std::string> all;
  for (const json::value& message : elements(*page, "messages")) {
    if (names == Names::ids) all.push_back(text(message.as_object(), "id"));
    if (names == Names::destinations)
      for (const json::value& one : elements(message.as_object(), "destinations"))
        all.push_back(text(one.as_object(), "destination"));
  }
  const std::string best(configuration::nearest(word, std::vector<std::string_view>(all.begin(), all.end())));
  return best.empty() || equals_ignore_case(best, word) ? "" : "; did you mean '" + best + "'?";
}

/// Asks a verb about one message; prints what stands in its way. Nothing: `exit_code` says why.
std::optional<json::object> ask_of(const Context& context, Server& server, const control::Request& request,
                                   int& exit_code) {
  auto reply = server.ask(request);
  if (!reply) {
    exit_code = report(reply.error());
    return std::nullopt;
  }
  if (reply->exit_code != control::kDone) {
    const std::string id(request.get("id"));
    if (reply->exit_code != control::kTemporary && !id.empty()) reply->error += suggestion(server, id, Names::ids);
    exit_code = report(context, *reply);
    return std::nullopt;
  }
  if (context.json && request.has("id")) fmt::print("{}\n", reply->result);
  auto answer = object_in(reply->result);
  if (!answer) {
    exit_code = report(answer.error());
    return std::nullopt;
  }
  exit_code = control::kDone;
  return *std::move(answer);
}

control::Request of_message(const std::string& verb, const std::string& id) {
  control::Request request{.verb = verb, .arguments = {}};
  return request.add("id", id);
}

void add_filter(control::Request& request, const QueueFilter& filter) {
  if (!filter.sender.empty()) request.add("sender", filter.sender);
  if (!filter.recipient.empty()) request.add("recipient", filter.recipient);
  if (!filter.destination.empty()) request.add("destination", filter.destination);
  if (!filter.state.empty()) request.add("state", filter.state);
}

/// Hands each message that the filter lets through to `take`, page by page.
template <class Take>
int each_listed(const Context& context, Server& server, const QueueFilter& filter, Take take) {
  control::Request first{.verb = "queue.list", .arguments = {}};
  add_filter(first, filter);
  std::uint64_t count = 0;
  control::Request request = first;
  while (true) {
    int exit_code = control::kDone;
    const auto page = ask_of(context, server, request, exit_code);
    if (!page) return exit_code;
    for (const json::value& message : elements(*page, "messages")) {
      if (filter.limit != 0 && count == filter.limit) return control::kDone;
      ++count;
      take(message.as_object());
    }
    const std::string next = text(*page, "next");
    if (next.empty()) return control::kDone;
    request = first;
    request.add("from", next);
  }
}

int retry_many(const Context& context, const std::string& destination) {
  Server server(context);
  control::Request first{.verb = "queue.wake", .arguments = {}};
  if (!destination.empty()) first.add("destination", destination);
  std::uint64_t count = 0;
  control::Request request = first;
  while (true) {
    int exit_code = control::kDone;
    const auto page = ask_of(context, server, request, exit_code);
    if (!page) return exit_code;
    count += static_cast<std::uint64_t>(number(*page, "messages"));
    const std::string next = text(*page, "next");
    if (next.empty()) break;
    request = first;
    request.add("from", next).add("since", text(*page, "since"));
  }
  if (count == 0 && !destination.empty())
    return report(context, {.exit_code = control::kFailed,
                            .error = "nothing waits for '" + escape_controls(destination, 100) +
                                     "', and it is no id of a message in the queue" +
                                     suggestion(server, destination, Names::destinations) +
                                     "; angarium queue list shows what waits"});
  if (context.json)
    fmt::print("{}\n", json::serialize(json::object{{"messages", count}}));
  else
    fmt::print("{} due now\n", messages(count) + (count == 1 ? " is" : " are"));
  return control::kDone;
}

void print_change(const std::string& action, const json::object& done) {
  const std::string name = text(done, "id");
  if (action == "remove") {
    const bool told = done.contains("sender_told") && done.at("sender_told") == true;
    fmt::print("{} is removed; {}\n", name, told ? "its sender is told" : "nobody is told");
  } else {
    const bool changed = done.contains("changed") && done.at("changed") == true;
    fmt::print("{} {}{}\n", name, action == "hold" ? "is held" : "is free to go", changed ? "" : ", as it was");
  }
}

}  // namespace

int queue_list(const Context& context, const QueueFilter& filter) {
  Server server(context);
  std::uint64_t count = 0;
  const int exit_code = each_listed(context, server, filter, [&](const json::object& message) {
    if (context.json)
      fmt::print("{}{}", count == 0 ? "[" : ",\n", json::serialize(message));
    else if (count == 0)
      fmt::print("{:<12} {:>6} {:>10}  SENDER -> RECIPIENTS\n", "ID", "AGE", "SIZE");
    ++count;
    if (!context.json) print_line(message);
  });
  if (exit_code != control::kDone) return exit_code;
  if (context.json)
    fmt::print("{}]\n", count == 0 ? "[" : "");
  else
    fmt::print("{}\n", messages(count));
  return control::kDone;
}

int queue_show(const Context& context, const std::string& id) {
  Server server(context);
  int exit_code = control::kDone;
  const auto message = ask_of(context, server, of_message("queue.show", id), exit_code);
  if (message && !context.json) print_whole(*message);
  return exit_code;
}

int queue_retry(const Context& context, const std::string& what) {
  if (what.empty() || !envelope::DeliveryId::parse(what)) return retry_many(context, what);
  Server server(context);
  int exit_code = control::kDone;
  const auto done = ask_of(context, server, of_message("queue.retry", what), exit_code);
  if (!done || context.json) return exit_code;
  if (number(*done, "due") > 0) fmt::print("{} is due now\n", text(*done, "id"));
  if (number(*done, "under_way") > 0) fmt::print("{} is being sent already\n", text(*done, "id"));
  if (number(*done, "held") > 0) fmt::print("some of it stays held: angarium queue release {}\n", text(*done, "id"));
  return exit_code;
}

int queue_change(const Context& context, const std::string& action, const QueueSelection& which, Bounce bounce) {
  Server server(context);
  const bool named = !which.ids.empty();
  std::vector<std::string> ids = which.ids;
  if (!named) {
    // All of them first: what is changed would move the pages.
    const int listed = each_listed(context, server, which.filter,
                                   [&](const json::object& message) { ids.push_back(text(message, "id")); });
    if (listed != control::kDone) return listed;
  }
  const bool one = named && ids.size() == 1;
  int outcome = control::kDone;
  std::uint64_t count = 0;
  json::array all;
  for (const std::string& id : ids) {
    control::Request request = of_message("queue." + action, id);
    add_filter(request, which.filter);
    if (bounce == Bounce::yes) request.add("bounce", "1");
    if (!named) request.add("listed", "1");
    auto reply = server.ask(request);
    if (!reply) return report(reply.error());
    if (reply->exit_code != control::kDone) {
      // The others are no worse for it.
      if (reply->exit_code != control::kTemporary && named) reply->error += suggestion(server, id, Names::ids);
      outcome = report(context, *reply);
      continue;
    }
    const auto done = object_in(reply->result);
    if (!done) return report(done.error());
    if (done->contains("gone")) continue;
    ++count;
    if (!context.json)
      print_change(action, *done);
    else if (one)
      fmt::print("{}\n", reply->result);
    else
      all.push_back(*done);
  }
  if (one) return outcome;
  if (context.json)
    fmt::print("{}\n", json::serialize(all));
  else
    fmt::print("{}\n", messages(count));
  return outcome;
}

}  // namespace angarium::program
