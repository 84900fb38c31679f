#include "mua/mail.h"

#include "base/text.h"
#include "mua/composer.h"
#include "mua/error.h"
#include "mua/host.h"
#include "mua/reader.h"
#include "mua/save.h"
#include "mua/screen.h"

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

std::string box_of(const Surroundings& here, const Settings& settings, const Options& options) {
  if (options.has_file) return folder_path(options.file.empty() ? "&" : options.file, here, settings);
  if (!options.user.empty()) return folder_path("%" + options.user, here, settings);
  return here.spool;
}

int read_box(Surroundings& here, Settings& settings, const Options& options) {
  const std::string path = box_of(here, settings, options);
  if (options.task == Task::exists) return has_mail(path) ? kDone : kNone;
  const bool list_only = options.task == Task::headers;
  const Access access = options.read_only || list_only ? Access::read_only : Access::change;
  auto box = open_box(path, here, access);
  if (!box && !box.error().is(kNoBox)) return complain(here, box.error());
  if (!box || ((*box)->size() == 0 && !options.has_file)) {
    here.terminal.complain(options.has_file ? visible(box.error().text())
                                            : "No mail for " + (options.user.empty() ? here.user : options.user));
    return kNone;
  }
  Reader reader(here, settings, *std::move(box), access);
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
