// Names of folders, and messages appended to them.
#pragma once

#include <string>

#include "base/result.h"
#include "message/box_state.h"
#include "mua/settings.h"
#include "mua/surroundings.h"

namespace angarium::mua {

/// What a name of a box means: "%" the spool, "%user" another user's, "&" ~/mbox (or $MBOX), "@name" one of the
/// server's, "+name" one in the folder that `folder` names (~/Mail without it), "~/…", else a path. `in_folder`: a name
/// without slash is one of the folder, too.
std::string folder_path(std::string_view name, const Surroundings& here, const Settings& settings,
                        bool in_folder = false);

/// Appends a message (CR LF) to an mbox file, or puts it into a Maildir: what is a folder, or ends with a slash.
/// Locked, durable. kHost.
Result<> save_message(const Surroundings& here, const std::string& path, std::string_view message,
                      std::string_view sender, WallTime received, message::BoxFlags flags);

}  // namespace angarium::mua
