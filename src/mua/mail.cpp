#include "mua/mail.h"

#include "base/text.h"
#include "mua/composer.h"
#include "mua/error.h"
#include "mua/host.h"
#include "mua/reader.h"
#include "mua/save.h"
#include "mua/screen.h"
#include "mua/store_box.h"

namespace angarium::mua {
namespace {

constexpr std::string_view kSystemSettings = "/etc/mail.rc";

int exit_code(const Error& error) {
  if (error.is(kUsage)) return kUsageExit;
  return error.temporary() ? kTemporaryExit : kDataExit;
}

int complain(Surroundings& here, const Error& error) {
  here.terminal.complain(visible(error.text()));
  return exit_code(error);
}

Result<Settings> read_settings(const Surroundings& here, const Options& options, const std::string& mailrc) {
  Settings settings;
  settings.set_sending(options.task == Task::send);
  if (!options.no_system_settings) TRY(settings.read(std::string(kSystemSettings), here.home));
  TRY(settings.read(mailrc.empty() ? here.home + "/.mailrc" : mailrc, here.home));
  for (const std::string& text : options.settings) settings.set(text);
  if (options.ignore_interrupts) settings.set("ignore");
  return settings;
}

/// What the letter says if nobody is asked.
Draft draft_of(const Options& options) {
  Draft draft;
  const auto add = [](const std::vector<std::string>& lists, std::vector<std::string>& out) {
    for (const std::string& list : lists)
      for (std::string& address : split_addresses(list)) out.push_back(std::move(address));
  };
  add(options.to, draft.to);
  add(options.cc, draft.cc);
  add(options.bcc, draft.bcc);
  draft.subject = options.subject;
  draft.from = options.from;
  draft.fields = options.fields;
  draft.attachments = options.attachments;
  return draft;
}

int send_one(Surroundings& here, Settings& settings, const Options& options) {
  Draft draft = draft_of(options);
  const bool typed = here.terminal.interactive();
  if (typed || options.escapes) {
    if (options.has_subject) settings.set("noask");
    Composer composer(here, settings, draft);
    // Given up by its writer: not sent, and that is no success.
    if (composer.run(true) == Composer::End::given_up) return kNone;
  } else {
    auto text = here.terminal.read_all(kTextMax);
    if (!text) return complain(here, text.error());
    if (options.header_recipients)
      take_header(*text, draft);
    else
      draft.body = *std::move(text);
  }
  if (draft.empty()) {
    if (options.discard_empty || settings.is_set("skipemptybody")) return kDone;
    if (!options.header_recipients) here.terminal.complain("Null message body; hope that's ok");
  }
  const auto sent = send(here, settings, std::move(draft), options.submission);
  return sent ? kDone : exit_code(sent.error());
}

/// Empty: where the user's mail comes to.
std::string box_of(const Surroundings& here, const Settings& settings, const Options& options) {
  if (options.has_file) return folder_path(options.file.empty() ? "&" : options.file, here, settings);
  if (!options.user.empty()) return folder_path("%" + options.user, here, settings);
  return "";
}

struct Found {
  std::unique_ptr<Box> box;
  std::string reason;  ///< why there is none
};
/// Where the user's mail comes to: the server's store; the spool file where the store has none and the file has some.
Result<Found> open_inbox(const Surroundings& here, Access access) {
  auto own = open_box(std::string(1, kStoreMark), here, access);
  if (!own && !own.error().is(kNoBox)) return std::unexpected(std::move(own).error());
  const bool in_file = has_mail(here.spool);
  if (own && (*own)->size() > 0) {
    if (in_file) here.terminal.complain("There is more mail in " + visible(here.spool) + ": file %");
    return Found{*std::move(own), ""};
  }
  if (!in_file) return own ? Found{} : Found{nullptr, here.own_store ? own.error().text() : ""};
  return Found{TRY(open_box(here.spool, here, access)), ""};
}

Result<Found> open_wanted(const Surroundings& here, const std::string& path, Access access) {
  if (path.empty()) return open_inbox(here, access);
  auto box = open_box(path, here, access);
  if (!box && box.error().is(kNoBox)) return Found{nullptr, box.error().text()};
  return Found{TRY(std::move(box)), ""};
}

int read_box(Surroundings& here, Settings& settings, const Options& options) {
  const std::string path = box_of(here, settings, options);
  const bool list_only = options.task == Task::headers;
  const bool looks_only = list_only || options.task == Task::exists;
  const Access access = options.read_only || looks_only ? Access::read_only : Access::change;
  auto found = open_wanted(here, path, access);
  if (!found) return complain(here, found.error());
  const bool empty = !found->box || found->box->size() == 0;
  if (options.task == Task::exists) return empty ? kNone : kDone;
  if (!found->box || (empty && !options.has_file)) {
    const std::string reason = found->reason.empty() || !path.empty() ? "" : " (" + found->reason + ")";
    here.terminal.complain(visible(options.has_file
                                       ? found->reason
                                       : "No mail for " + (options.user.empty() ? here.user : options.user) + reason));
    return kNone;
  }
  Reader reader(here, settings, std::move(found->box), access);
  if (list_only) {
    reader.print_all();
    return kDone;
  }
  return reader.run(!options.no_headers);
}

}  // namespace

int mail(Surroundings& here, const Options& options, const std::string& mailrc) {
  auto settings = read_settings(here, options, mailrc);
  if (!settings) return complain(here, settings.error());
  if (options.dry_run)
    here.submit = [&here](const Letter& letter) -> Result<> {
      here.terminal.write(visible_text(letter.message));
      return {};
    };
  return options.task == Task::send ? send_one(here, *settings, options) : read_box(here, *settings, options);
}

}  // namespace angarium::mua
