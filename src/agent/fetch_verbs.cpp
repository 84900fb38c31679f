#include "agent/fetch_verbs.h"

#include <boost/json.hpp>

#include "agent/queue_verbs.h"
#include "base/text.h"
#include "configuration/mail_accounts.h"
#include "configuration/schema.h"
#include "fetch/url.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;
using control::Request;

Result<fetch::Box> read_box(const Request& request, const account::Account& account) {
  fetch::Box box{.account = account.id, .address = account.address};
  fetch::Url url = TRY(fetch::parse_url(request.get("url")));
  box.protocol = url.protocol;
  box.tls = url.tls;
  box.host = std::move(url.host);
  box.port = url.port;
  box.user = std::move(url.user);
  if (request.has("user")) box.user = request.get("user");
  box.name = request.has("name") ? request.get("name") : std::string_view(box.host);
  box.password = request.get("password");
  box.token_file = request.get("token_file");
  box.tickets = request.get("tickets");
  if (request.has("layer")) {
    if (request.get("layer") == "integrity") box.layer = sasl::Protection::integrity;
    if (request.get("layer") == "confidentiality") box.layer = sasl::Protection::confidentiality;
    if (box.layer == sasl::Protection::none) return fail(kUsageError, "a layer is 'integrity' or 'confidentiality'");
  }
  box.folders = request.all("folder");
  if (request.has("into")) {
    const auto into = mailbox::canonical_name(request.get("into"));
    if (!into) return fail(kUsageError, into.error().text());
    box.into = *into;
  }
  if (request.has("idle")) box.watching = fetch::Watching::idles;
  if (request.has("any_certificate")) box.certificate = fetch::Certificate::any;
  if (request.has("every")) {
    Duration every{0};
    if (!configuration::parse_duration(request.get("every"), every))
      return fail(kUsageError,
                  "'" + escape_controls(request.get("every"), 100) + "' is no span of time: write 15m or 2h");
    box.every = std::chrono::duration_cast<std::chrono::seconds>(every);
  }
  if (request.has("remove_after")) {
    box.remove_after = parse_number<std::uint32_t>(request.get("remove_after"));
    if (!box.remove_after)
      return fail(kUsageError, "'" + escape_controls(request.get("remove_after"), 100) + "' is no number of days");
  }
  return box;
}

std::string_view state_of(const fetch::Known& known) {
  switch (known.box->pause) {
    case fetch::Pause::by_user: return "paused";
    case fetch::Pause::refused: return "refused";
    case fetch::Pause::none: break;
  }
  if (known.progress.failures > 0) return "failing";
  return known.progress.last_success.microseconds == 0 ? "new" : "ok";
}

json::value time_of(WallTime time) {
  if (time.microseconds == 0) return nullptr;
  return json::string(to_rfc3339(time));
}

/// As it is given to --key.
json::value key_text(const std::string& key) {
  if (key.empty()) return nullptr;
  return json::string("sha256:" + key);
}

std::string_view layer_text(sasl::Protection layer) {
  switch (layer) {
    case sasl::Protection::integrity: return "integrity";
    case sasl::Protection::confidentiality: return "confidentiality";
    case sasl::Protection::none: break;
  }
  return "";
}

json::object show(const fetch::Known& known, const fetch::Pin& pin = {}) {
  const fetch::Box& box = *known.box;
  json::array folders;
  for (const std::string& folder : box.folders) folders.push_back(json::string(folder));
  if (box.protocol == fetch::Protocol::imap && folders.empty()) folders.push_back("INBOX");
  const std::string host = box.host.find(':') == std::string::npos ? box.host : "[" + box.host + "]";
  json::value remove_after = nullptr;
  if (box.remove_after) remove_after = *box.remove_after;
  return {{"address", box.address},
          {"name", box.name},
          {"url", std::string(fetch::scheme_of(box.protocol, box.tls)) + "://" + host + ":" + std::to_string(box.port)},
          {"user", box.user},
          {"token_file", box.token_file},
          {"tickets", box.tickets},
          {"layer", layer_text(box.layer)},
          {"state", state_of(known)},
          {"error", known.progress.error},
          {"messages", known.progress.messages},
          {"passed_over", known.progress.passed_over},
          {"failures", known.progress.failures},
          {"last_run", time_of(known.progress.last_run)},
          {"last_success", time_of(known.progress.last_success)},
          {"next", box.pause == fetch::Pause::none ? time_of(known.progress.next) : json::value(nullptr)},
          {"folders", std::move(folders)},
          {"into", box.into},
          {"every_seconds", box.every.count()},
          {"idle", box.watching == fetch::Watching::idles},
          {"remove_after_days", std::move(remove_after)},
          {"certificate_checked", box.certificate == fetch::Certificate::checked && box.tls != fetch::Tls::none},
          {"key", key_text(pin.known)},
          {"key_refused", key_text(pin.refused)}};
}

/// A row for people has what they look for first.
json::object row(const fetch::Known& known) {
  json::object all = show(known);
  json::object short_form;
  for (const auto* const name : {"address", "name", "state", "messages", "last_run", "next", "url", "error"})
    short_form[name] = all[name];
  return short_form;
}

Result<account::Account> account_of(Services& services, const Request& request) {
  const std::string address(request.get("address"));
  auto account = TRY(services.directory().account(address));
  if (!account) return fail(account::kUnknown, "there is no account " + escape_controls(address, 400));
  return *std::move(account);
}

/// Somebody has looked, and says by the key that it is the server's: no other one, whatever was shown since.
Result<> believe(fetch::Boxes& boxes, fetch::BoxId id, std::string_view text) {
  const auto key = configuration::parse_key(text);
  if (!key) return fail(kUsageError, key.error().text());
  const fetch::Pin pin = TRY(boxes.pin(id));
  if (*key != pin.refused) {
    const std::string refused = pin.refused.empty() ? "none" : "sha256:" + pin.refused;
    return fail(kUsageError, "the key that was refused is " + refused + ", and not this one: angarium fetch show");
  }
  return boxes.put_pin(id, {.known = *key, .refused = {}});
}

Result<json::value> carry_out(Services& services, fetch::Boxes& boxes, const Request& request) {
  TRY(boxes.load());
  if (request.verb == "fetch.list") {
    std::optional<std::uint64_t> of;
    if (request.has("address")) of = TRY(account_of(services, request)).id;
    json::array rows;
    for (const fetch::Known& known : boxes.list(of)) rows.push_back(row(known));
    return rows;
  }
  const account::Account account = TRY(account_of(services, request));
  if (request.verb == "fetch.add") {
    fetch::Box box = TRY(read_box(request, account));
    return show(TRY(boxes.add(std::move(box))));
  }
  const std::string name(request.get("name"));
  if (request.verb == "fetch.show") {
    const fetch::Known known = TRY(boxes.get(account.id, name));
    return show(known, TRY(boxes.pin(known.box->id)));
  }
  if (request.verb == "fetch.remove") return show(TRY(boxes.remove(account.id, name)));
  if (request.verb == "fetch.run") return show(TRY(boxes.hurry(account.id, name)));
  if (request.verb == "fetch.pause") return show(TRY(boxes.pause(account.id, name, fetch::Pause::by_user)));
  if (request.verb == "fetch.password")
    return show(TRY(boxes.set_password(account.id, name, std::string(request.get("password")))));
  if (request.verb == "fetch.resume") {
    const fetch::Known known = TRY(boxes.get(account.id, name));
    if (request.has("key")) TRY(believe(boxes, known.box->id, request.get("key")));
    return show(TRY(boxes.pause(account.id, name, fetch::Pause::none)));
  }
  return fail(kUsageError, "the server does not know '" + escape_controls(request.verb) + "'");
}

}  // namespace

io::Task<Result<std::string>> fetch_verb(Services& services, fetch::Boxes& boxes, Request request) {
  const json::value answer =
      CO_TRY(co_await io::run(services.pool(), [&services, &boxes, request = std::move(request)] {
        return carry_out(services, boxes, request);
      }));
  co_return json::serialize(answer);
}

}  // namespace angarium::agent
