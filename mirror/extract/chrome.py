"""What stands in an article's page and is not the article: donation boxes, newsletters, related links, share bars,
consent notices, advertisements.

Three kinds of rule, from the careful to the bold: boxes whose class or id says what they are (never taken out when they
hold a large share of the chosen text), short texts that begin with one of the known phrases, and texts that ask for
money or for an address. The phrases are in the languages the tool is made for; they are matched at the beginning of a
short run, so that an article *about* newsletters or donations keeps its sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import cast

from lxml import etree

from mirror.extract.page import Run, attribute, is_hidden, marks, raw_text, remembered

# Words in a class or id that are never an article's own text.
_BOX = re.compile(
    r"(?:^|[\s_-])(?:newsletters?|subscri(?:be|ption|bers?)|abo(?:nnement)?[-_]?(?:box|teaser)|donat\w*|"
    r"contribute\w*|contribution[-_]\w+|support[-_]?us|"
    r"paywall|share|sharing|sharebar|sharedaddy|share[-_]?buttons?|social|socials|social[-_]?(?:media|links|share|"
    r"bar)|addthis\w*|"
    r"related|related[-_]\w+|recommend(?:ed|ation)s?|recirc\w*|read[-_]?(?:more|also|next)|more[-_]?(?:on|from|"
    r"stories|news)|see[-_]?also|"
    r"next[-_]?(?:article|post|story|up)|most[-_]?(?:read|popular|viewed)|popular|trending|outbrain|taboola|"
    r"promo|promos|promotion|promobox|advert\w*|ads?|ad[-_]?(?:slot|container|wrapper|unit|box|block|label|"
    r"placeholder)|adsbygoogle|dfp|gpt|sponsored|"
    r"banner|cookie[-_]?\w*|consent[-_]?\w*|gdpr|cmp|breadcrumbs?|comments?|comments?[-_](?:section|list|area|form|"
    r"block)|disqus\w*|respond|"
    r"tags?|tag[-_]?(?:list|cloud|links)|post[-_]tags|topics|keywords|byline|author[-_]?(?:bio|box|info|card)|"
    r"about[-_]?author|"
    r"print|toolbar|tools|sidebar|side[-_]?bar|widget[-_]area|pagination|pager|copyright|app[-_]?(?:promo|download)|"
    r"telegram[-_]?(?:promo|banner)|"
    r"follow[-_]?us|signup|sign[-_]?up|login|register|modal|popup|pop[-_]?up|overlay|toast|skip[-_]?link|"
    r"jp[-_]relatedposts|"
    r"disclaimer[-_]?box|inline[-_]?(?:related|promo)|callout[-_]?(?:newsletter|donate)|teaser[-_]?(?:list|"
    r"related))(?:$|[\s_-])",
    re.IGNORECASE,
)
# Taken out before trafilatura looks: boxes that hold whole sentences and mislead it.
_SURE_BOX = re.compile(
    r"(?:^|[\s_-])(?:newsletter[-_]?\w*|donat(?:e|ion|ions)|donation[-_]\w+|contribute[-_](?:article|modal|bar|"
    r"teaser|form|box|banner)\w*|"
    r"paywall[-_]?(?:modal|overlay|banner)|cookie[-_]?(?:banner|notice|consent|bar|law|policy[-_]?banner)\w*|"
    r"consent[-_]?(?:banner|modal|manager|popup)\w*|"
    r"gdpr[-_]?\w*|onetrust\w*|didomi\w*|cmp(?:box|lz)?[-_]?\w*|sharedaddy|addtoany\w*|jp[-_]relatedposts|"
    r"next[-_]article[-_]\w+|outbrain\w*|taboola\w*|"
    r"trc_related\w*|adsbygoogle|related[-_]?(?:articles?|posts?|stories|news|content|links)|read[-_]?also|"
    r"most[-_]?read)(?:$|[\s_-])",
    re.IGNORECASE,
)
_is_box, _is_sure = remembered(_BOX), remembered(_SURE_BOX)

_LABEL = re.compile(
    r"(?:read (?:more|also|next|the full|our)|also read|more (?:on this|from|stories|coverage|news)|(?:see|watch|"
    r"listen) (?:also|more|now)|related(?: (?:articles?|stor(?:y|ies)|"
    r"topics?|posts?|news|content|links?|coverage|reading))?\b|recommended(?=\s*(?:$|:))|recommended (?:stories|"
    r"articles|reading|"
    r"for you)|you (?:may|might) (?:also )?(?:like|be interested)|don.t miss|in case you missed|"
    r"more\s?:|watch:|listen:|see also|also (?:see|read)\b|also on [\w.-]+\.\w{2,}|required reading|"
    r"for more (?:stories|news|coverage)|"
    r"have a (?:tip|story)|got a (?:story|tip|news tip|question)|get in touch with (?:our|us|me)|if you enjoyed this|"
    r"(?:like|enjoyed) this (?:story|article)|(?:e-?mail|write to|contact) .{2,60}\S@\S|e-?mail:|our standards:|"
    r"by (?:clicking|signing|subscribing|entering) .{0,60}(?:you |our )|discover stories from|explore the edition|"
    r"up next|trending|most (?:read|popular|viewed)|editors?.? picks?|advertisement|sponsored|"
    r"story continues below|article continues (?:below|after)|scroll to continue|continue reading|skip (?:to|past|"
    r"advert)|end of (?:newsletter|.{0,20}promotion)|"
    r"share (?:this|on|via|article|story|your)|follow (?:us|me|@|him|her|our)|follow .{2,40} on (?:twitter|facebook|"
    r"x|instagram|telegram)|like us on|join (?:us|our|the) |"
    r"sign up (?:for|to|here|now|today)|subscribe (?:to|now|today|here|for)|get (?:our|the) (?:latest|best|daily|"
    r"weekly|free)|click here|download (?:the|our) app|"
    r"(?:this|the) (?:article|story|piece) (?:was |is |has been )?(?:originally |first )?(?:published|appeared)|"
    r"(?:©|\(c\)|copyright)\s|all rights reserved|"
    r"читайте (?:также|ещ[её]|по теме|далее|нас|в|подробнее)|подробнее|смотрите также|см\. также|ещ[её] по теме|"
    r"материалы по теме|по теме|реклама\b|"
    r"подпис(?:ывайтесь|аться|ка)|подпишитесь|поддержите|поделиться|поделитесь|следите за|присоединяйтесь|"
    r"наш(?:и)? (?:телеграм|канал)|больше новостей|все новости|самое важное|нашли (?:ошибку|опечатку)|выделите|"
    r"хотите (?:получать|стать)|(?:данное|настоящее) сообщение \(материал\)|настоящий материал \(информация\)|"
    r"читайте також|підпис(?:уйтесь|атися)|підтримайте|більше новин|стежте за|долучайтеся|знайшли помилку|"
    r"дивіться також|матеріали за темою|"
    r"همچنین بخوانید|بیشتر بخوانید|مطالب مرتبط|اخبار مرتبط|مطالب بیشتر|به اشتراک|اشتراک‌?گذاری|تبلیغات|"
    r"همچنین بخوانید|در همین (?:رابطه|زمینه|باره)|ما را در|به کانال|خبرنامه|"
    r"اقرأ (?:أيضا|أيضًا|أيضاً|المزيد|ايضا)|إقرأ أيضا|مواضيع (?:ذات صلة|متعلقة)|شاهد أيض|اشترك|شارك(?:ها)? على|"
    r"تابعونا|تابعنا|تابعوا|للمزيد|انضم(?:وا)? إلى|إعلان\b|"
    r"(?:\W*)(?:相关(?:阅读|新闻|链接|报道|文章|专题|评论)|延伸阅读|推荐阅读|今\s?日\s?推\s?荐|精彩推荐|热门(?:推荐|评论|文章)|最新评论|"
    r"更多(?:新闻|阅读|评论|内容|精彩)|分享(?:到|至|让)|点击(?:进入|查看|下载)|责任编辑|责编|编辑[:：]|版权(?:所有|声明|归)|"
    r"反侵权|免责声明|未经(?:授权|许可|书面)|广告(?:服务)?\s*$|扫码|扫一扫|长按|发表评论|查看评论|网友评论|我来说两句|"
    r"页面功能|字体[:：]|字号|收藏本|打印本|纠错|举报|阅读全文|(?:上|下)一[篇页]|关注我们|本站(?:所有|文章|声明)|"
    r"下载.{0,8}(?:app|客户端)|(?:文章)?来源[:：].{1,24}$|發表評論|延伸閱讀|推薦閱讀|相關(?:新聞|報導|文章)|更多(?:新聞|內容))|"
    r"lesen sie (?:auch|mehr|hier|dazu)|mehr zum thema|mehr (?:dazu|lesen)|auch interessant|anzeige\b|"
    r"jetzt abonnieren|newsletter\b|weiterlesen|fehler gefunden|ihre meinung ist|senden sie uns|"
    r"wie (?:hat ihnen|gefällt ihnen|fanden sie) (?:dieser|der|diesen) artikel|durchschnittliche bewertung|"
    r"link zum .{2,20}inhalt|weiterführende links|folgst du|folge(?:n sie)? uns|"
    r"\d+ (?:tage|wochen|monate) (?:kostenlos|gratis)|(?:aktuelle|alle) (?:meldungen|entwicklungen|"
    r"nachrichten) .{3,90}"
    r"(?:liveblog|newsblog|newsticker)|mehr (?:zu[rm]?|über) .{2,60} lesen sie|"
    r"(?:à )?lire (?:aussi|également|la suite)|voir aussi|sur le même sujet|publicité\b|abonnez-vous|partager|"
    r"inscrivez-vous|(?:à|a) (?:lire|voir) (?:aussi|également)|la suite après|je m.abonne|suivez-nous|"
    r"le[ae] (?:también|más|tambien)|lee (?:también|más)|te puede interesar|publicidad\b|suscr[ií]bete|compartir|"
    r"síguenos|únete a|más información\b|también puedes|apúntate|"
    r"leggi anche|pubblicità\b|iscriviti|condividi|leia (?:também|mais)|publicidade\b|"
    r"czytaj (?:też|także|więcej|również|dalej)|zobacz (?:też|także|również|więcej)|"
    r"obejrzyj|dalsza część|pozostało .{0,6}%|reklama\b|polecamy|"
    r"lees (?:ook|meer|verder)|ayrıca (?:okuyun|bakınız)|ilgili haber|haberin devamı|"
    r"abone ol|bizi takip|reklam\b|läs (?:också|mer|även)|les (?:også|mer)|læs også|"
    r"関連記事|あわせて読みたい|続きを(?:読む|お読み)|電子版|有料会員|会員限定|無料会員|会員登録|\W*この記事は.{0,8}会員|"
    r"\W*初トク|おすすめ記事|アクセスランキング)",
    re.IGNORECASE,
)
# An appeal to the reader: one such sentence is enough to know it.
_BEGGING = re.compile(
    r"(?:support|fund) us\b|help us (?:keep|continue|stay|reach|tell|report|grow|survive|fight|publish|remain)|"
    r"(?:support|fund|defend|help|protect|sustain) (?:(?:our|independent|quality|free|local|"
    r"public[- ]interest|"
    r"nonprofit|investigative|fearless)\b(?: \w+)? ?(?:journalis[mt]s?|work|reporting|newsroom|media|mission|"
    r"press|news))|"
    r"make a (?:tax[- ]deductible |monthly |one-time |recurring |small )*(?:donation|contribution|gift)|"
    r"donate (?:now|today|here|monthly|once)\b|(?:please|^) ?donate to|"
    r"become a (?:monthly |paid |sustaining |founding )*(?:member|patron|supporter|subscriber|donor)|"
    r"(?:your|a) (?:support|donation|contribution|gift|membership)s?,? (?:helps?|makes?|allows?|keeps?|is|"
    r"no matter|will|"
    r"means|ensures?|enables?|powers?|counts?)|"
    r"we need your (?:help|support)|(?:needs?|depends? on|rel(?:y|ies) on|without) your (?:help|support|donations?)|"
    r"please (?:consider )?(?:supporting|donat|subscrib|chip)|consider (?:supporting|donating to|subscribing to|"
    r"making a) |"
    r"(?:i.d|i would|yes,? i.ll|yes,? i want) like to (?:contribute|donate|support)|stand (?:up for|"
    r"with) (?:the (?:facts|truth)|"
    r"(?:independent|free) (?:journalism|press|media))|"
    r"(?:every|each|any) (?:contribution|donation|gift|dollar|pound|euro),? (?:however|no matter|counts|helps|"
    r"matters|makes|"
    r"big|large)|from as little as|as little as (?:us)?[$€£]\s?\d|support .{3,40} (?:today|from as little)|"
    r"remind me (?:later|next month|in )|join our (?:community|members|supporters)|this month.s (?:goal|target)|"
    r"if (?:everyone|all of you|every reader) (?:who )?(?:reads?|reading)|"
    r"sign up (?:for|to) (?:our|the|my|receive)|subscribe to (?:our|the|my) |"
    r"our (?:free |daily |weekly )*newsletter|in your inbox|straight to your inbox|accept (?:all )?cookies|"
    r"we use cookies|our (?:whatsapp|telegram) channel|"
    r"поддерж(?:ите|ать) (?:нас\b|наш|независим|редакц|(?:нашу )?работу (?:редакц|«|мы)|журналист|«|\"|проект)|"
    r"сдела(?:йте|ть) пожертвование|оформи(?:те|ть) (?:пожертвование|подписку|ежемесячн|регулярн)|"
    r"стан(?:ьте|ь|овитесь) (?:нашим|патрон|спонсор|соучастник|подписчик|част)|помогите (?:нам|«|сохранить)|"
    r"нам (?:очень )?(?:нужна|необходима|важна) ваша|(?:без|благодаря) ваш(?:ей|ему|им) (?:помощи|поддерж\w+|"
    r"донат\w*|пожертв\w+)|"
    r"ваш(?:а|и|е) (?:поддержка|помощь|донаты?|пожертвовани\w) (?:помо|поз|дела|да|очень|важ|—|для)|"
    r"подпис(?:ывайтесь|аться|итесь|ка) на (?:наш|нас|рассылк|канал|телеграм|telegram)|подпишитесь на|"
    r"(?:хочу|готов) (?:помочь|поддержать|пожертвовать)|"
    r"підтрима(?:йте|ти|й) (?:нас\b|наш|незалежн|редакц|роботу|журналіст|«|\"|проєкт)|зроб(?:іть|ити) внесок|"
    r"стан(?:ьте|ь) (?:нашим|нашою|патрон|частиною|учасни)|(?:без|завдяки) ваш(?:ої|ій|ому|им) (?:допомо\w+|"
    r"підтрим\w+)|"
    r"нам потрібна ваша|підпи(?:шіться|суйтесь|сатися) на (?:наш|нас|канал|розсилк)|"
    r"از ما حمایت|از (?:روزنامه‌?نگاری|رسانه‌?(?:های)?) (?:مستقل|آزاد).{0,30}حمایت کنید|حمایت مالی (?:کنید|شما)|"
    r"با (?:حمایت|کمک)(?:‌?های)? (?:مالی )?شما|به (?:حمایت|کمک)(?: مالی)? شما نیاز|عضو خبرنامه|در خبرنامه|"
    r"ادعموا|ادعمنا|ادعم (?:الصحافة|عملنا|موقع)|تبرع(?:وا)? (?:الآن|لنا|ل)|(?:نحتاج|بحاجة) إلى دعمكم|(?:بفضل|بدون|"
    r"دون) دعمكم|"
    r"ساهم(?:وا)? (?:معنا|في دعم)|اشترك في (?:نشر|قنات)|النشرة البريدية|"
    r"unterstütz(?:en sie|e|t) (?:uns\b|unser|unabhängig|bitte)|jetzt (?:spenden|unterstützen|mitglied werden)|"
    r"(?:ihre|deine|eure) (?:spende|unterstützung) (?:hilft|sichert|ermöglicht|macht)|werden sie (?:mitglied|"
    r"förder|unterstützer)|"
    r"(?:brauchen|auf) (?:ihre|deine|eure) unterstützung|newsletter (?:abonnieren|bestellen)|"
    r"zum newsletter anmelden|whatsapp-?kanal|testen sie .{0,60}(?:kostenlos|gratis|zeitung|probeabo)|"
    r"sie können das unterstützen|"
    r"soutenez(?:-nous| notre| le| la presse| un journalisme)|faites un don|(?:nous avons|a) besoin de (?:vous|"
    r"votre soutien)|"
    r"votre (?:don|soutien|contribution) (?:nous|permet|est|compte)|devenez (?:membre|abonné|mécène)|"
    r"(?:apóya|apoya a|hazte (?:soci|miembro))|haz una donación|tu (?:apoyo|donación|aporte) (?:nos|es|hace|permite)|"
    r"(?:necesitamos|dependemos de) tu (?:apoyo|ayuda)|tu suscripción|"
    r"sostieni(?:ci)? |fai una donazione|apoie (?:o|a|nosso) jornalismo|"
    r"订阅(?:我们|我們|本报)|关注(?:我们|官方|微信)|扫(?:描|码).{0,12}(?:关注|下载|二维码)|(?:请|欢迎)(?:支持|赞助|捐助)(?:我们|本[站报刊])|"
    r"支持(?:我们的|我們的)(?:工作|报道|新闻)|您的(?:支持|捐助|捐款|赞助)|您的(?:贊助|捐款)|请.{0,6}捐(?:款|助)|"
    r"(?:寄付|ご支援|ご寄付)を?(?:お願い|する)|応援(?:してください|をお願い)|"
    r"wesprzyj(?: nas)?|wspieraj (?:nas|niezależne)|twoje wsparcie|zapisz się (?:na|do)|"
    r"(?:bize |bağımsız gazeteciliğe )destek ol|bağış yap|desteğiniz(?:le|e)|bültenimize",
    re.IGNORECASE,
)
# One of these stands in every appeal above: looked for first, because most texts hold none and this is quick.
# fmt: off
_APPEAL_WORDS = (
    "need your", "your help", "support", "donat", "contribut", "gift", "subscri", "patron", "newsletter", "inbox",
    "cookies", "channel",
    "sign up", "stand up", "stand with", "help us", "help our", "help independent", "help quality", "help free",
    "help local", "help public", "defend", "protect", "fund", "sustain", "become a", "your membership", "making a",
    "dollar", "pound", "euro", "little as", "join our", "this month", "remind me", "if every", "if all", "chip",
    "unterst", "spende", "mitglied", "whatsapp", "testen", "soutenez", "soutien", "un don", "votre don",
    "besoin de", "devenez", "apoya", "hazte", "donaci", "tu ap", "necesitamos", "dependemos", "tu suscrip",
    "sostieni", "apoie", "wesprzyj", "wspieraj", "wsparcie", "zapisz", "bize", "destek",
)
_APPEAL_WORDS_BEYOND_ASCII = (
    "förder", "apóya", "bağış", "bülten", "desteğ", "bağımsız", "поддерж", "пожертв", "подпис", "подпиш", "оформи",
    "стань", "стан ", "помоги", "готов", "хочу", "ваша", "ваши", "ваше", "вашей", "вашему", "вашим", "підтрим",
    "внесок", "вашої", "вашій", "вашому", "підпи", "حمایت", "کمک", "خبرنامه", "ادعم", "دعم", "تبرع", "ساهم",
    "اشترك", "النشرة", "订阅", "关注", "扫", "支持", "捐", "赞助", "贊助", "寄付", "支援", "応援",
)
# fmt: on
# Said in appeals, and in articles about money too: counts only beside an appeal.
_BEGS_TOO = re.compile(
    r"independent (?:journalism|media|voice|newsroom)|our (?:journalis[mt]s?|work|mission|reporting|newsroom|readers|"
    r"only agenda|supporters)|nonprofit|tax[- ]deductible|donat|contribut|one[- ]time|monthly|yearly|annual(?:ly)?\b|"
    r"join now|more info|no paywall|paywall|reader[- ](?:supported|funded)|foreign agent|undesirable|thank you|"
    r"dear reader|"
    r"пожертв|донат|ежемесячн|разов|независим|журналист|читател|иностранн\w+ агент|нежелательн|спасибо|безопасн|"
    r"внесок|щомісяч|незалежн|дякуємо|читач|حمایت|کمک مالی|مستقل|خوانندگان|دعم|تبرع|مستقلة|قراء|"
    r"spende|unterstütz|unabhängig|monatlich|einmalig|danke|leser|"
    r"don\b|dons\b|soutien|indépendan|mensuel|merci|lecteur|donaci|apoyo|independiente|gracias|lector|"
    r"捐|赞助|独立(?:媒体|新闻)|读者|支持|寄付|支援|wsparci|wpłat|niezależn|dziękuj|bağış|destek|bağımsız|teşekkür",
    re.IGNORECASE,
)
_RIGHTS = re.compile(
    r"all rights reserved|alle rechte vorbehalten|tous droits (?:de reproduction )?réservés|"
    r"todos los derechos reservados|"
    r"todos os direitos reservados|tutti i diritti riservati|wszelkie prawa zastrzeżone|(?:všechna )?práva vyhrazena|"
    r"все права защищены|усі права захищен|حقوق .{0,20}محفوظ|محفوظ(?:ة|است)|tüm hakları saklıdır|"
    r"版权所有|版權所有|保留(?:所有|一切)权|有料会員|有料記事|会員限定|無断(?:転載|複製)|(?:™|®)\s*(?:&|and)\s*©",
    re.IGNORECASE,
)
# Beside a link, in a sentence or two: an invitation to subscribe.
_LETTER = re.compile(
    r"newsletter|(?:free|\d+[- ](?:day|week|month)) trial|mailing list|рассылк|розсилк|خبرنامه|النشرة|نشرتنا|"
    r"\b(?:gratis|kostenlos) testen|probeabo|essai gratuit|prueba gratis|电子报|電子報|bülten",
    re.IGNORECASE,
)
_ERROR_KEY = re.compile(r"\b(?:ctrl|cmd)\s*\+\s*enter\b", re.IGNORECASE)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MENU_STEP = re.compile(r"\s[|·•›»/>-]\s|[|｜›»·•┊]|\u3000")
_CONSENT_PLACEHOLDER = re.compile(
    r"externer inhalt|(?:ein|mit einem) klick für (?:den|mehr) datenschutz|an dieser stelle (?:finden sie|"
    r"befindet sich|steht)|"
    r"empfohlener (?:externer )?(?:redaktioneller )?inhalt|inhalte? von (?:youtube|twitter|x|instagram|facebook|"
    r"tiktok|vimeo)|"
    r"(?:to|please) (?:view|see|watch|display) this (?:content|video|embed|post)|this (?:content|embed|video) (?:is|"
    r"could) (?:not (?:be )?(?:available|loaded)|hosted|blocked)|"
    r"your cookie (?:settings|preferences)|allow (?:twitter|youtube|instagram|facebook|tiktok|x|"
    r"google youtube) content|"
    r"personenbezogene daten an drittplattformen|mit (?:ihrer|deiner) (?:zustimmung|einwilligung)|"
    r"ce contenu (?:est bloqué|n.est pas)|pour (?:afficher|voir) ce contenu|"
    r"este contenido (?:está|no está|se aloja)|(?:чтобы|для) (?:посмотреть|просмотра) .{0,30}(?:cookie|контент)|"
    r"请(?:启用|允许).{0,8}cookie|"
    r"enable javascript|javascript (?:is|must be) (?:disabled|enabled)|your browser does not support|"
    r"ваш браузер не поддерживает|مرورگر شما|متصفحك لا يدعم",
    re.IGNORECASE,
)
# Quick to look for; where none of them is, neither is one of the phrases above.
# fmt: off
_CONSENT_WORDS = (
    "inhalt", "datenschutz", "an dieser stelle", "this content", "this video", "this embed", "this post", "cookie",
    "allow ", "drittplattformen", "zustimmung", "einwilligung", "ce contenu", "este contenido", "посмотреть",
    "просмотра", "javascript", "your browser", "ваш браузер", "مرورگر شما", "متصفحك",
)
_RIGHTS_WORDS = (
    "reserv", "vorbehalten", "réservés", "riservati", "zastrzeżone", "vyhrazena", "защищен", "захищен", "محفوظ",
    "saklıdır", "所有", "保留", "有料", "会員限定", "無断", "™", "®",
)
# fmt: on
_PAY_LINK = re.compile(
    r"donat|contribut|support|subscri|patreon|boosty|membership|newsletter|spenden|abo(?:nn|\b)|pozhertv|signup",
    re.IGNORECASE,
)
_PICTURE_FRAME = re.compile(r"share|sharing|social|modal|popup|pop-up|overlay|tools|toolbar|print", re.IGNORECASE)
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")  # their ids are often their own words
MAX_LABEL = 240  # characters; a paragraph longer than this is text even when it begins like a label
MAX_BEGGING = 700


_NEVER_TEXT = (
    "style", "template", "svg", "select", "nav", "menu", "button", "textarea", "canvas", "iframe", "object", "datalist",
    "link", "meta", "source", "track",
    "amp-ad", "amp-embed", "amp-sticky-ad", "amp-social-share", "amp-consent", "amp-sidebar", "amp-user-notification",
    "amp-list", "amp-next-page", "amp-lightbox",
    "rp", "rt", "rtc",  # readings beside characters: they would part the text that runs are looked up in
)  # fmt: skip


_MAY_BE_FURNITURE = ("div", "section", "aside", "p", "form", "ul", "span", "article", "figcaption", "nav")
_MARK = "data-tamizdat-furniture"
_MARKED = etree.XPath(f".//*[@{_MARK}]")
_SCRIPTS = etree.XPath(".//script[not(contains(@type, 'ld+json'))]")


@contextmanager
def marked(root: etree._Element) -> Iterator[None]:
    """Marks what `prune` would look at: done once for all copies, and where the elements are known already. The marks
    are gone afterwards."""
    found = [
        element
        for element in root.iter(*_MAY_BE_FURNITURE)
        if element.keys() and (is_hidden(element) or _is_sure_box(element))
    ]
    for element in found:
        element.set(_MARK, "")
    try:
        yield
    finally:
        for element in found:
            del element.attrib[_MARK]


def _is_sure_box(element: etree._Element) -> bool:
    return element.tag != "article" and _is_sure(marks(element))


def prune(tree: etree._Element) -> int:
    """Takes hidden parts and the surest boxes out of a copy of a page that was `marked`; returns how many characters
    that were."""
    taken = 0
    for element in cast("list[etree._Element]", _SCRIPTS(tree)):
        drop(element)
    etree.strip_elements(tree, *_NEVER_TEXT, with_tail=False)
    candidates = cast("list[etree._Element]", _MARKED(tree))
    if not candidates:
        return 0
    total = len(raw_text(tree))
    for element in candidates:
        if element.getparent() is None or element.tag not in _MAY_BE_FURNITURE:
            continue
        hidden = is_hidden(element)
        if hidden or _is_sure_box(element):  # the page's own words may be the mark's
            text = raw_text(element)
            if len(text) < 0.25 * total or (len(text) < 0.5 * total and (hidden or _BEGGING.search(text))):
                drop(element)
                taken += len(text)
    return taken


def drop(element: etree._Element) -> None:
    """Takes an element out and leaves the text after it."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
    parent.remove(element)


def is_label(text: str) -> bool:
    """Whether a text begins as what leads away from the article does: "read also", "advertisement", "sign up"."""
    return len(text) <= MAX_LABEL and bool(_LABEL.match(text.lstrip(" ▶►▷→>»«·•*–—-|[(【■◆▲↓👉➡️📌🔗\u200f\u200e")))


@lru_cache(maxsize=512)
def is_begging(text: str) -> bool:
    """Whether a text asks its reader for money, for an address or for agreement. A long one has to ask twice."""
    if len(text) > 2 * MAX_BEGGING:
        return False
    lower = text.lower()
    if not _holds_one(lower, _APPEAL_WORDS) and (text.isascii() or not _holds_one(lower, _APPEAL_WORDS_BEYOND_ASCII)):
        return False
    return bool(_BEGGING.search(text)) if len(text) <= MAX_BEGGING else _asks_twice(text)


def _holds_one(text: str, words: Sequence[str]) -> bool:
    for word in words:  # noqa: SIM110 - twice as quick as any()
        if word in text:
            return True
    return False


def _asks_twice(text: str) -> bool:
    first = _BEGGING.search(text)
    return first is not None and _BEGGING.search(text, first.end()) is not None


def is_chrome_run(run: Run) -> bool:
    """Whether a run is, by its own words, no part of the article."""
    if run.furniture is None:
        run.furniture = bool(run.text) and _is_chrome(run)
    return run.furniture


def _is_chrome(run: Run) -> bool:
    text = run.text
    cjk = len(text) <= MAX_BEGGING and bool(_CJK.search(text[:80]))
    short = 90 if cjk else 260  # characters of one sentence or two
    lower = text.lower()
    if len(text) <= short and (
        (_holds_one(lower, _RIGHTS_WORDS) and _RIGHTS.search(text))
        or ("enter" in lower and _ERROR_KEY.search(text))
        or (run.linked > 0.3 and _is_menu(text))
    ):
        return True
    if is_label(text):
        bare = len(text) <= 60 or ":" in text[:40] or "：" in text[:20]
        if cjk:
            bare = len(text) <= 30 and not text.endswith(("。", "！", "？"))
        if bare or run.linked > 0.25 or text[:60].rstrip().endswith(":"):
            return True
    if len(text) <= 420 and _holds_one(lower, _CONSENT_WORDS) and _CONSENT_PLACEHOLDER.search(text):
        return True
    if run.linked > 0.08 and len(text) <= short and _LETTER.search(text):
        return True
    if run.linked > 0.1 or len(text) <= short:
        return is_begging(text)
    return is_begging(text) and _asks_twice(text)


def _is_menu(text: str) -> bool:
    """`Home | World | Sport | Contact`: many short words between the same signs."""
    parts = [part for part in _MENU_STEP.split(text) if part.strip()]
    return len(parts) >= 4 and len(text) <= 24 * len(parts) and not text.rstrip().endswith((".", "。", "!", "?"))


def box_above(element: etree._Element, top: etree._Element | None) -> etree._Element | None:
    """The nearest element from `element` up to (not including) `top` whose class or id names page furniture."""
    here: etree._Element | None = element
    while here is not None and here is not top and here.tag not in ("body", "html"):
        if here.tag in ("nav", "footer", "form") or (here.tag not in HEADINGS and _is_box(marks(here))):
            return here
        here = here.getparent()
    return None


def box_name(box: etree._Element) -> str:
    """How a person would name an element: `<div class="newsletter-signup">`."""
    for name in ("class", "id", "role"):
        if value := " ".join(attribute(box, name).split())[:60]:
            return f'<{box.tag} {name}="{value}">'
    return f"<{box.tag}>"


def may_show_pictures(box: etree._Element) -> bool:
    """Whether a box of furniture may still hold a picture of the article: a lightbox, a photo with share buttons."""
    return box.tag not in ("nav", "footer", "form") and bool(_PICTURE_FRAME.search(marks(box)))


def _drop_begging(chosen: Sequence[Run], top: etree._Element | None, total: int) -> None:
    """Takes out what stands around an appeal, whatever it is called.

    A box: the nearest one around the appeal that holds less than the article; it goes when several sentences beg,
    or one does beside a form or a link to pay. Without a box: the short lines right before and after the appeal, and
    those that speak of the same."""
    for place, run in enumerate(chosen):
        if not (run.chosen or is_chrome_run(run)) or not is_begging(run.text):
            continue
        box = next(
            (
                here
                for here in run.element.iterancestors("div", "section", "aside", "form", "blockquote")
                if here is not top
            ),
            None,
        )
        if box is None or (top is not None and box in top.iterancestors()):
            _drop_around(chosen, place)
            continue
        inside = [other for other in chosen if box in other.element.iterancestors() or other.element is box]
        begging = sum(1 for other in inside if is_begging(other.text))
        too = sum(1 for other in inside if _BEGS_TOO.search(other.text[:MAX_BEGGING]))
        asks = (
            any(_PAY_LINK.search(attribute(link, "href")) for link in box.iter("a"))
            or next(iter(box.iter("form", "button", "input")), None) is not None
        )
        if (
            sum(len(other.key) for other in inside) < 0.5 * total
            and begging + (too >= 2) >= (1 if asks else 2)
            and begging + too >= 0.2 * len(inside)
        ):
            for other in inside:
                other.leave_out("in a box that asks for money or an address")
        else:
            _drop_around(chosen, place)


def _drop_around(chosen: Sequence[Run], place: int) -> None:
    """Leaves out an appeal among the article's own paragraphs, and the lines right beside it that belong to it."""
    appeal = chosen[place]
    if not is_chrome_run(appeal):
        return
    parent = appeal.element.getparent()
    for step in (-1, 1):
        for other in chosen[place + step : place + step * 7 if place + step * 7 >= 0 else None : step]:
            kin = other.element is appeal.element or other.element.getparent() is parent
            text = other.text
            if not kin or not (is_chrome_run(other) or (len(text) <= MAX_BEGGING and _speaks_of_it(text))):
                break
            other.leave_out("beside an appeal for money or an address")


def _speaks_of_it(text: str) -> bool:
    found = len({match[0].casefold() for match in _BEGS_TOO.finditer(text)})
    return found >= 2 or (found == 1 and len(text) <= 60)


def sift(chosen: Sequence[Run], top: etree._Element | None) -> list[Run]:
    """Unchooses page furniture; what is left, in order."""
    total = sum(len(run.key) for run in chosen) or 1
    held: dict[etree._Element, int] = {}
    boxes: dict[int, etree._Element] = {}
    around = set(top.iterancestors()) if top is not None else set()
    for run in chosen:
        box = box_above(run.element, top)
        if box is not None and box not in around:
            boxes[id(run)] = box
            held[box] = held.get(box, 0) + len(run.key)
    for run in chosen:
        furniture = boxes.get(id(run))
        if furniture is not None and held[furniture] < 0.15 * total:
            run.leave_out(f"in a box of the page's furniture: {box_name(furniture)}")
        elif is_chrome_run(run):
            run.leave_out("words of the page's furniture")
    _drop_begging(chosen, top, total)
    left = [run for run in chosen if run.chosen]
    if sum(len(run.key) for run in left) < 0.4 * total:  # the rules misread this page: believe trafilatura
        for run in chosen:
            run.chosen = True
        return list(chosen)
    return left
