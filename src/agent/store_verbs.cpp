#include "agent/store_verbs.h"

#include <boost/json.hpp>
#include <utility>

#include "agent/caretaker.h"
#include "agent/queue_verbs.h"
#include "base/text.h"
#include "index/verify.h"
#include "keyring/standing.h"
#include "location/pairs.h"
#include "location/verify.h"
#include "mailbox/verify.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;

Result<json::object> verify(Services& services, const control::Tell& tell) {
  const auto stored = TRY(services.tablet().verify([&](std::uint64_t done, std::uint64_t all) { tell({done, all}); }));
  const auto mail = TRY(mailbox::verify_mail(services.tablet()));
  const auto directory = TRY(services.directory().verify());
  const auto indexes = TRY(index::verify_indexes(services.tablet()));
  const auto located = TRY(location::verify_records(services.tablet()));
  json::array damage;
  for (const auto* lines : {&stored.damage, &mail.damage, &directory, &indexes, &located})
    for (const std::string& line : *lines) damage.push_back(json::string(line));
  return json::object{{"segments", stored.segments}, {"groups", stored.groups},   {"bodies", stored.bodies},
                      {"octets", stored.octets},     {"accounts", mail.accounts}, {"mailboxes", mail.mailboxes},
                      {"messages", mail.messages},   {"emails", mail.emails},     {"damage", std::move(damage)}};
}

Result<json::object> snapshot(Services& services, const control::Request& request) {
  const std::string directory(request.get("directory"));
  TRY(services.tablet().snapshot(directory));
  return json::object{{"directory", directory}};
}

Result<json::object> sweep(Services& services, Duration compress_after, const control::Tell& tell) {
  store::SweepOptions options{.compress_after = compress_after};
  options.progress = [&tell](std::uint64_t done, std::uint64_t all) { tell({done, all}); };
  const store::SweepReport report = TRY(services.tablet().sweep(options));
  return json::object{{"segments_swept", report.segments_swept},     {"segments_compressed", report.segments_packed},
                      {"octets_compressed", report.octets_unpacked}, {"compressed_to", report.octets_packed},
                      {"octets_copied", report.octets_copied},       {"octets_freed", report.octets_freed},
                      {"octets_waiting", report.octets_waiting}};
}

std::string key_file_state(const keyring::Standing& keys) {
  if (keys.well()) return "there; keep a copy of it elsewhere";
  return keys.why() + "; bring its copy back, it counts at once";
}

Result<json::object> status(Services& services, const std::string& directory) {
  const keyring::Standing keys = TRY(keyring::standing(services.tablet(), directory));
  const store::Stats stats = services.tablet().stats();
  json::object told{{"accepting", stats.accepting},
                    {"sequence", stats.sequence},
                    {"flushed_sequence", stats.flushed_sequence},
                    {"groups", stats.groups},
                    {"replayed", stats.replayed},
                    {"waiting", stats.waiting},
                    {"segments", stats.segments},
                    {"log_octets", stats.log_size},
                    {"dead_octets", stats.dead},
                    {"compressed_octets", stats.unpacked},
                    {"compressed_to", stats.cold},
                    {"free_octets", stats.space.free},
                    {"total_octets", stats.space.total},
                    {"accounts_moved_in", TRY(location::all_moved_in(services.tablet())).size()},
                    {"places_taken", services.caretaker() == nullptr ? 0 : services.caretaker()->taken().size()},
                    {"encryption", services.sealing() == mailbox::Sealing::on ? "on" : "off"},
                    {"keys", keys.wrapped}};
  // Before the first key there is no file to tell of.
  if (keys.wrapped == 0) return told;
  told["keys_shut"] = keys.shut;
  told["key_file"] = keys.file;
  told["key_file_state"] = key_file_state(keys);
  return told;
}

Result<json::object> answer_to(Services& services, const StoreTerms& terms, const control::Request& request,
                               const control::Tell& tell) {
  if (request.verb == "store.verify") return verify(services, tell);
  if (request.verb == "store.snapshot") return snapshot(services, request);
  if (request.verb == "store.sweep") return sweep(services, terms.compress_after, tell);
  if (request.verb == "store.status") return status(services, terms.keys);
  return fail(kUsageError, "the server does not know '" + escape_controls(request.verb) + "'");
}

}  // namespace

io::Task<Result<std::string>> store_verb(Services& services, StoreTerms terms, control::Request request,
                                         control::Tell tell) {
  // It waits for the disk, and owns what it works with: whoever asked may be gone before it ends.
  co_return co_await io::run(services.pool(),
                             [&services, terms = std::move(terms), request = std::move(request),
                              tell = std::move(tell)]() -> Result<std::string> {
                               return json::serialize(TRY(answer_to(services, terms, request, tell)));
                             });
}

}  // namespace angarium::agent
