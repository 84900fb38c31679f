#include "mua/save.h"

#include <cstdlib>

#include "base/text.h"
#include "delivery/maildir.h"
#include "delivery/mbox.h"
#include "message/address.h"
#include "mua/error.h"
#include "mua/host.h"
#include "mua/store_box.h"

namespace angarium::mua {
namespace {

/// $MAIL is of this user; others' mail lies beside it.
std::string spool_of(std::string_view user, const Surroundings& here) {
  if (user == here.user) return here.spool;
  const std::string beside = here.spool.substr(0, here.spool.rfind('/') + 1);
  return (here.spool.ends_with("/" + here.user) ? beside : "/var/mail/") + std::string(user);
}

std::string absolute(std::string path) {
  if (path.starts_with('/')) return path;
  char* current = realpath(".", nullptr);
  const std::string folder = current == nullptr ? "." : current;
  std::free(current);
  return folder + "/" + path;
}

}  // namespace

std::string folder_path(std::string_view name, const Surroundings& here, const Settings& settings, bool in_folder) {
  std::string folder(settings.get("folder"));
  folder = in_home(folder.empty() ? "Mail" : folder, here.home);
  if (!folder.starts_with('/')) folder = here.home + "/" + folder;
  if (name.starts_with(kStoreMark)) return std::string(name);
  if (name == "%") return here.spool;
  if (name.starts_with('%')) return spool_of(name.substr(name.starts_with("%:") ? 2 : 1), here);
  if (name == "&") {
    const std::string_view box = settings.get("MBOX");
    return box.empty() ? here.home + "/mbox" : folder_path(box, here, settings);
  }
  if (name.starts_with('+')) return folder + "/" + std::string(name.substr(1));
  if (in_folder && !name.contains('/') && !name.starts_with('~')) return folder + "/" + std::string(name);
  return absolute(in_home(name, here.home));
}

Result<> save_message(const Surroundings& here, const std::string& path, std::string_view message,
                      std::string_view sender, WallTime received, message::BoxFlags flags) {
  if (path.starts_with(kStoreMark)) return fail(kUsage, "folders of the server are read only by file; save to a file");
  delivery::OctetsInMemory octets(message);
  const auto addresses = message::parse_addresses(sender).addresses;
  delivery::Letter letter{
      .reverse_path = {}, .recipient = {}, .extension = {}, .received = received, .fields = {}, .message = octets};
  letter.state.flags = flags;
  if (!addresses.empty() && !addresses.front().local_part.empty())
    letter.reverse_path.mailbox = envelope::Mailbox{addresses.front().local_part, addresses.front().domain};
  std::string target = path;
  const bool maildir = target.ends_with('/') || is_folder(target);
  while (target.size() > 1 && target.ends_with('/')) target.pop_back();
  const auto saved = maildir ? delivery::deliver_maildir({target}, letter, here.delivery)
                             : delivery::deliver_mbox({target}, letter, here.delivery);
  if (!saved) return fail(kHost, saved.error().words);
  return {};
}

}  // namespace angarium::mua
