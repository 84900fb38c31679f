// From a letter that is written to one that is handed in.
#include "base/text.h"
#include "delivery/delivery.h"
#include "delivery/target.h"
#include "mua/composer.h"
#include "mua/error.h"
#include "mua/host.h"
#include "mua/save.h"
#include "mua/screen.h"

namespace angarium::mua {
namespace {

message::DateTime date_now(const Surroundings& here) {
  return message::DateTime::at(here.delivery.clock.wall(), here.zone_minutes);
}

Result<> compose_and_submit(Surroundings& here, const Settings& settings, const Draft& draft,
                            const std::vector<std::string>& options) {
  const Composed composed = TRY(compose(draft, settings, date_now(here), here.home, here.delivery.random));
  TRY(here.submit(
      {.sender = composed.sender, .message = composed.message, .recipients = composed.recipients, .options = options}));
  const std::string_view record = settings.get("record");
  if (record.empty()) return {};
  // It has gone: what becomes of the copy is told, and does not make it unsent.
  const std::string path = folder_path(record, here, settings, settings.is_set("outfolder"));
  const auto kept =
      save_message(here, path, composed.message, here.user, here.delivery.clock.wall(), message::kBoxSeen);
  if (!kept)
    here.terminal.complain("the message is sent, but its copy is not kept in " + visible(path) + ": " +
                           visible(kept.error().text()));
  return {};
}

}  // namespace

Result<> send(Surroundings& here, const Settings& settings, Draft draft, const std::vector<std::string>& options) {
  if (draft.from.empty()) draft.from = settings.get("from");
  auto sent = compose_and_submit(here, settings, draft, options);
  if (sent) return sent;
  here.terminal.complain(visible(sent.error().text()));
  if (settings.is_set("save")) save_dead_letter(here, settings, draft);
  return sent;
}

}  // namespace angarium::mua
