// angarium route explain: the directory's word, the rule of the transport map, and the hosts in the order of trying.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>

#include "agent/relay_login.h"
#include "agent/settings.h"
#include "base/text.h"
#include "envelope/path.h"
#include "io/loop.h"
#include "program/commands.h"
#include "route/explain.h"

namespace angarium::program {
namespace {

namespace json = boost::json;

/// What is known of an address, from either side.
struct Story {
  envelope::Mailbox recipient;
  envelope::ReversePath sender;
  json::object local;                           ///< the answer to route.local
  std::optional<route::Explanation> elsewhere;  ///< of what is not delivered here
  std::optional<route::Fact> login;             ///< of a relay that wants one
};

/// Scripts write the sender without brackets, "<>" apart.
Result<envelope::ReversePath> read_sender(const std::string& text) {
  if (text.starts_with('<')) return envelope::parse_reverse_path(text, {.utf8 = envelope::Utf8::accept});
  return envelope::ReversePath{TRY(envelope::parse_mailbox(text, {.utf8 = envelope::Utf8::accept}))};
}

/// "root" is a name of this host.
Result<envelope::Mailbox> read_recipient(const std::string& text) {
  const bool named = text.find('@') == std::string::npos;
  auto mailbox = TRY(envelope::parse_mailbox(named ? text + "@localhost" : text, {.utf8 = envelope::Utf8::accept}));
  if (named) mailbox.domain.clear();
  return mailbox;
}

Result<route::Explanation> explain_here(const configuration::Configuration& configuration, const Story& story) {
  const auto map = TRY(agent::transport_map(configuration));
  const auto options = agent::hosts_options(configuration);
  auto loop = TRY(io::make_loop());
  auto resolver = TRY(io::UnboundResolver::make(*loop, agent::resolver_options(configuration)));
  std::optional<route::Explanation> told;
  const auto work = [](io::Task<route::Explanation> task, std::optional<route::Explanation>& into) -> io::Task<> {
    into = co_await std::move(task);
  };
  loop->spawn(work(route::explain(*resolver, map, options, system_random(), story.recipient, story.sender), told));
  loop->drain();
  loop->run();
  if (!told) return fail(kOutOfMemory, "no memory to explain");
  return *std::move(told);
}

std::string local_kind(const Story& story) { return std::string(story.local.at("kind").as_string()); }

/// What a sender hears of an address that is looked for here and that nobody has; nothing where it is delivered.
std::optional<route::Status> local_reply(const Story& story) {
  const auto kind = local_kind(story);
  const auto address = story.recipient.text();
  for (const auto& problem : story.local.at("problems").as_array())
    if (const auto status = std::string(problem.at("status").as_string()); status.starts_with('4'))
      return route::Status{451, status, std::string(problem.at("text").as_string())};
  const std::string too_far = "<" + address + "> leads back to itself, or too far";
  if (kind == "unknown") {
    // As the server says it of a name whose aliases lead nowhere.
    const auto& problems = story.local.at("problems").as_array();
    const auto first = problems.empty() ? std::string() : std::string(problems.front().at("status").as_string());
    if (first == "5.4.6") return route::Status{550, first, too_far};
    if (first == "5.7.1") return route::Status{550, first, "<" + address + "> leads where it may not"};
    return route::Status{550, "5.1.1", "<" + address + "> does not exist"};
  }
  if (kind == "disabled") return route::Status{550, "5.2.1", "<" + address + "> is disabled"};
  if (kind == "too-deep") return route::Status{550, "5.4.6", too_far};
  return std::nullopt;
}

std::string list(const json::value& texts) {
  std::string result;
  for (const auto& text : texts.as_array()) result += (result.empty() ? "" : ", ") + std::string(text.as_string());
  return result;
}

/// Which name and password, token or ticket the relay gets, and whether they are there.
std::optional<route::Fact> login_step(const configuration::Configuration& configuration, const Story& story) {
  const auto* const relay = story.elsewhere ? std::get_if<route::Relay>(&story.elsewhere->decision.transport) : nullptr;
  if (relay == nullptr || relay->login.empty()) return std::nullopt;
  for (const configuration::RelayLogin& login : configuration.relay_logins) {
    if (login.name != relay->login) continue;
    const bool plain = relay->tls == route::Tls::none;
    const std::string text =
        (plain ? "under a security layer, as '" : "over TLS, as '") + login.user + "' (" + login.name + ")";
    if (!login.tickets.empty()) return route::Fact{"login", text + ", by the tickets in " + login.tickets};
    const bool token = !login.token_file.empty();
    const auto secret = agent::read_password_file(configuration.resolve(token ? login.token_file : login.password_file),
                                                  token ? agent::kTokenMax : agent::kPasswordMax);
    return route::Fact{"login", text + (token ? ", by a token" : "") + (secret ? "" : "; " + secret.error().text())};
  }
  return std::nullopt;
}

/// The steps, the directory's first.
route::Facts steps(const Story& story) {
  route::Facts facts;
  const auto kind = local_kind(story);
  if (const auto* const found = story.local.if_contains("steps"); found != nullptr && kind != "not-local") {
    static constexpr std::array<std::string_view, 11> kAbouts = {
        "alias", "srs", "owner", "forward", "include", "once", "mailbox", "user", "delivery", "target", "discard"};
    for (const auto& step : found->as_array()) {
      const auto about = std::ranges::find(kAbouts, std::string_view(step.at("about").as_string()));
      facts.push_back({about == kAbouts.end() ? "problem" : *about, std::string(step.at("text").as_string())});
    }
  }
  if (const auto targets = list(story.local.at("alias_targets")); !targets.empty())
    facts.push_back({"alias", story.recipient.text() + " stands for " + targets});
  if (kind == "not-local") {
    facts.push_back({"directory", story.recipient.domain + " is not served here"});
  } else if (kind == "accounts") {
    if (const auto accounts = list(story.local.at("accounts")); !accounts.empty())
      facts.push_back({"directory", "delivered here to " + accounts});
    if (const auto onward = list(story.local.at("onward")); !onward.empty())
      facts.push_back({"onward", "sent on to " + onward});
  } else {
    facts.push_back({"directory", story.recipient.domain + " is served here, and the address is " + kind});
  }
  if (story.elsewhere) facts.insert(facts.end(), story.elsewhere->facts.begin(), story.elsewhere->facts.end());
  if (story.login) facts.push_back(*story.login);
  return facts;
}

std::optional<route::Status> reply_of(const Story& story) {
  return story.elsewhere ? story.elsewhere->reply : local_reply(story);
}

json::value hosts_json(const route::Explanation& told) {
  json::array hosts;
  if (told.hosts)
    for (const auto& hop : told.hosts->hops)
      hosts.push_back(json::object{{"host", hop.host},
                                   {"address", hop.address.text()},
                                   {"port", told.port},
                                   {"preference", hop.preference},
                                   {"secure", hop.dnssec == io::Dnssec::secure}});
  return hosts;
}

json::object to_object(const Story& story) {
  json::object object{{"address", story.recipient.text()}, {"sender", story.sender.text()}, {"local", story.local}};
  const auto& told = story.elsewhere;
  object["transport"] = told ? json::value(route::transport_text(told->decision.transport)) : json::value();
  object["rule"] = told ? json::value(told->decision.rule) : json::value();
  object["hosts"] = told ? hosts_json(*told) : json::array();
  json::array facts;
  for (const auto& [about, text] : steps(story)) facts.push_back(json::object{{"about", about}, {"text", text}});
  object["steps"] = std::move(facts);
  object["reply"] = nullptr;
  if (const auto reply = reply_of(story))
    object["reply"] = json::object{{"code", reply->code}, {"enhanced", reply->enhanced}, {"text", reply->text}};
  return object;
}

void print(const Story& story) {
  fmt::print("{} from {}\n", escape_controls(story.recipient.text()), escape_controls(story.sender.text()));
  for (const auto& [about, text] : steps(story)) fmt::print("  {:<10} {}\n", about, escape_controls(text));
  if (story.elsewhere) {
    const auto& told = *story.elsewhere;
    fmt::print("transport: {}{}\n", escape_controls(route::transport_text(told.decision.transport)),
               told.decision.rule.empty() ? "" : ", by the rule " + escape_controls(told.decision.rule));
    if (told.hosts && !told.hosts->hops.empty()) {
      fmt::print("tried in this order:\n");
      std::size_t number = 0;
      for (const auto& hop : told.hosts->hops)
        fmt::print("  {:2}. {} [{}]:{}\n", ++number, hop.host, hop.address.text(), told.port);
    }
  }
  if (const auto reply = reply_of(story))
    fmt::print("refused{}: {} {} {}\n", reply->code < 500 ? " for now" : "", reply->code, reply->enhanced,
               escape_controls(reply->text));
}

Result<Story> tell(const Context& context, const RouteOptions& options) {
  Story story{.recipient = TRY(read_recipient(options.address)),
              .sender = TRY(read_sender(options.sender)),
              .local = {},
              .elsewhere = {},
              .login = {}};
  const auto configuration = TRY(configuration::load(context.directory));
  control::Request request{.verb = "route.local", .arguments = {}};
  const auto reply = TRY(ask_or_do(context, request.add("address", options.address)));
  if (reply.exit_code != control::kDone) return fail(configuration::kInvalid, reply.error);
  boost::system::error_code error;
  const json::value local = json::parse(reply.result, error);
  if (!local.is_object() || !local.get_object().contains("kind")) return fail(kBroken, "the server's answer is none");
  story.local = local.get_object();
  if (local_kind(story) == "not-local") story.elsewhere = TRY(explain_here(configuration, story));
  story.login = login_step(configuration, story);
  return story;
}

}  // namespace

int route_explain(const Context& context, const RouteOptions& options) {
  const auto story = tell(context, options);
  if (!story) return report(story.error());
  if (context.json)
    fmt::print("{}\n", json::serialize(to_object(*story)));
  else
    print(*story);
  return control::kDone;
}

}  // namespace angarium::program
