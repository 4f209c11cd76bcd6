/*
 * common/wording_words.c: every word and sentence that people read, in all languages.
 *
 * Korean is polite written style. Names come from outside and end in any sound, so no sentence puts a particle that depends
 * on it (을/를, 이/가, 은/는, 와/과, 으로/로) behind a name: names stand before a colon, in parentheses, or before a noun.
 */
#include <string.h>

#include "common/wording_inside.h"

enum { ENGLISH, KOREAN, LANGUAGES };

struct tu_language {
    const char *name;
    size_t column;
};

static const tu_language languages[] = {{"en", ENGLISH}, {"ko", KOREAN}};

static const struct {
    const char *key, *texts[LANGUAGES];
} words[] = {
    /* what a message is */
    {"firing", {"firing", "발생"}},
    {"resolved", {"resolved", "해결"}},
    {"update", {"update", "변경"}},
    {"repeat", {"reminder", "재알림"}},
    {"escalation", {"escalated", "상위 전달"}},
    {"escalated", {"escalated", "상위 전달"}},
    {"acknowledged", {"acknowledged", "담당자 확인"}},
    {"test", {"test", "시험"}},
    {"critical", {"critical", "심각"}},
    {"warning", {"warning", "경고"}},
    {"info", {"info", "정보"}},
    {"duplicate", {"may be a duplicate", "중복된 알림일 수 있습니다"}},
    {"flapping", {"flapping", "반복 발생"}},
    {"heartbeat", {"trueup is alive", "trueup 정상 작동 중"}},
    {"test-message",
     {"a test of trueup: this receiver works",
      "trueup 시험 알림입니다. 이 수신처로 알림이 전달됩니다"}},
    {"installation", {"installation", "설치"}},
    /* verdicts: behind a subject, and with a count */
    {"is in-sync", {"{0} is in sync", "{0}: 선언된 상태와 같습니다"}},
    {"is drifted", {"{0} drifted", "{0}: 선언된 상태와 다릅니다"}},
    {"is missing", {"{0} is missing", "{0}: 실제 환경에 없습니다"}},
    {"is unmanaged",
     {"{0} is live, but nobody wants it", "{0}: 선언되지 않았으나 실제 환경에 있습니다"}},
    {"is blocked",
     {"{0} can't be brought to the desired state", "{0}: 선언된 상태로 되돌릴 수 없습니다"}},
    {"is invalid", {"{0} is invalid", "{0}: 매니페스트가 올바르지 않습니다"}},
    {"is unknown", {"{0} can't be determined", "{0}: 상태를 확인할 수 없습니다"}},
    {"is terminating", {"{0} is being deleted", "{0}: 삭제되는 중입니다"}},
    {"is delegated", {"{0} is left to its controller", "{0}: 컨트롤러에 맡겨져 있습니다"}},
    {"is changed", {"{0} changed", "{0}: 변경되었습니다"}},
    {"in-sync", {"in sync", "일치"}},
    {"drifted", {"drifted", "불일치"}},
    {"missing", {"missing", "누락"}},
    {"unmanaged", {"unmanaged", "미선언"}},
    {"blocked", {"blocked", "복원 불가"}},
    {"invalid", {"invalid", "매니페스트 오류"}},
    {"unknown", {"unknown", "확인 불가"}},
    {"terminating", {"terminating", "삭제 중"}},
    {"delegated", {"delegated", "위임"}},
    {"observed", {"observed", "관찰됨"}},
    {"proved", {"proved", "증명됨"}},
    {"confirmed", {"confirmed", "확정됨"}},
    /* how it ended */
    {"ended trueup",
     {"{0} is in sync again: put right by trueup",
      "{0}: trueup 조치로 선언된 상태로 돌아왔습니다"}},
    {"ended git",
     {"{0} is in sync again: the desired state in Git changed",
      "{0}: Git의 선언이 바뀌어 다시 일치합니다"}},
    {"ended other",
     {"{0} is in sync again: put right by somebody else",
      "{0}: 다른 주체의 조치로 선언된 상태로 돌아왔습니다"}},
    {"ended configuration",
     {"{0} isn't watched any more: the configuration changed",
      "{0}: 설정이 바뀌어 더 이상 감시하지 않습니다"}},
    {"ended", {"{0} is in sync again", "{0}: 선언된 상태로 돌아왔습니다"}},
    {"problem ended", {"this trouble is over: {0}", "문제가 해결되었습니다: {0}"}},
    {"by trueup", {"trueup", "trueup 조치"}},
    {"by git", {"Git: the desired state changed", "Git의 선언 변경"}},
    {"by other", {"somebody else", "다른 주체의 조치"}},
    {"by configuration", {"a change of the configuration", "설정 변경"}},
    {"lasted", {"lasted {0}", "{0} 지속"}},
    /* many */
    {"drifts", {"{0} drifts", "드리프트 {0}건"}},
    {"drift", {"{0} drift", "드리프트 {0}건"}},
    {"problems", {"{0} troubles of trueup itself", "trueup 자체 문제 {0}건"}},
    {"problem", {"{0} trouble of trueup itself", "trueup 자체 문제 {0}건"}},
    {"in group", {"{0} in {1}", "{0} ({1})"}},
    {"count of", {"{0} {1}", "{1} {0}건"}},
    {"all ended", {"{0} are over", "{0}: 모두 종료되었습니다"}},
    {"others ended", {"{0} ended", "{0}건 종료"}},
    {"and more", {"... and {0} more", "... 외 {0}건"}},
    {"and more changes", {", and {0} more", ", 외 {0}건"}},
    {"and %zu more", {"and %zu more", "외 %zu건"}},
    /* what dispatch notes of an incident (core/alert/dispatch.c): the words, then what follows them */
    {"note moved to route ", {"moved to route {0}", "다음 경로로 이동: {0}"}},
    {"note undeliverable to ", {"undeliverable to {0}", "전달하지 못한 수신처: {0}"}},
    {"note flapping: ", {"flapping: {0}", "반복 발생: {0}"}},
    /* labels of a group */
    {"label rule", {"rule", "규칙"}},
    {"label target", {"target", "대상 환경"}},
    {"label namespace", {"namespace", "네임스페이스"}},
    {"label kind", {"kind", "종류"}},
    {"label severity", {"severity", "심각도"}},
    {"label team", {"team", "팀"}},
    {"and what", {"{0}: {1}", "{0} ({1})"}},
    /* changes that no value tells */
    {"order", {"the order differs", "순서가 다릅니다"}},
    {"duplicate change", {"is there more than once", "중복되어 있습니다"}},
    {"ownership", {"another field manager took it", "다른 필드 관리자가 소유합니다"}},
    {"removed", {"removed", "삭제됨"}},
    {"added", {"added", "추가됨"}},
    {"lines", {"{0} lines", "{0}줄"}},
    /* facts */
    {"fact object", {"Object", "객체"}},
    {"fact problem", {"Trouble", "문제"}},
    {"fact hint", {"What to do", "해결 방법"}},
    {"fact state", {"State", "상태"}},
    {"fact manager", {"Field manager", "필드 관리자"}},
    {"fact since", {"Since", "시작 시각"}},
    {"fact lasted", {"Lasted", "지속 시간"}},
    {"fact ended-by", {"Ended by", "종료 사유"}},
    {"fact rule", {"Rule", "규칙"}},
    {"fact declared", {"Declared in", "선언 위치"}},
    {"fact revision", {"Revision", "리비전"}},
    {"fact plan", {"Plan", "조치 계획"}},
    {"fact look", {"Look", "조회"}},
    {"fact explain", {"Explain", "상세"}},
    {"fact acknowledge", {"Acknowledge", "확인 처리"}},
    {"fact silence", {"Silence", "알림 중지"}},
    {"fact accept", {"Accept", "변경 수용"}},
    {"fact acknowledged", {"Acknowledged by", "확인한 사람"}},
    {"since", {"{0}, since {1}", "{0}, {1}부터"}},
    {"accept edit", {"edit {0} and commit", "{0} 수정 후 커밋"}},
    {"class human", {"human", "사람"}},
    {"class controller", {"controller", "컨트롤러"}},
    {"class gitops", {"GitOps tool", "GitOps 도구"}},
    {"class ours", {"trueup", "trueup"}},
    {"plan alert", {"tells you, changes nothing", "알림만 보내고 변경하지 않습니다"}},
    {"plan heal", {"puts it right", "선언된 상태로 되돌립니다"}},
    {"plan approve", {"waits for approval", "승인을 기다립니다"}},
    {"plan ignore", {"leaves it alone", "그대로 둡니다"}},
    /* durations: one, many */
    {"day", {"{0} day", "{0}일"}},
    {"days", {"{0} days", "{0}일"}},
    {"hour", {"{0} hour", "{0}시간"}},
    {"hours", {"{0} hours", "{0}시간"}},
    {"minute", {"{0} minute", "{0}분"}},
    {"minutes", {"{0} minutes", "{0}분"}},
    {"second", {"{0} second", "{0}초"}},
    {"seconds", {"{0} seconds", "{0}초"}},
    {"no time", {"less than a second", "1초 미만"}},
};

const tu_language *tu_language_named(const char *name) {
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
        if (name && !strcmp(languages[i].name, name))
            return &languages[i];
    return NULL;
}

const char *tu_wording_word(const tu_language *l, const char *word) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i].key, word))
            return words[i].texts[l->column];
    return NULL;
}
