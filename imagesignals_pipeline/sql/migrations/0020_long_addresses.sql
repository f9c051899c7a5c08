-- A picture inside a URL (`data:`) has megabytes, and each look at what waits worked on all of it: now
-- on the first 4,096 characters, twice what is kept. Where a text is cut an @ takes the place of the
-- rest, as if a name and password ended there: what may be the beginning of these goes as well. So they
-- do where an address has no scheme (`//me:pw@store.test/a.png`).
create function imagesignals_beginning(url text) returns text
language sql immutable
return case
    when octet_length(url) <= 4096 then url
    else left(url, 4096) || case when substr(url, 4097, 1) = '' then '' else '@' end
end;

create or replace function imagesignals_public_url(url text) returns text
language sql immutable
return left(
    case
        when strpos(imagesignals_beginning(url), '@') = 0
            then split_part(
                split_part(btrim(imagesignals_beginning(url), E' \t\n\r\f\x0B'), '?', 1), '#', 1
            )
        else regexp_replace(
            split_part(
                split_part(btrim(imagesignals_beginning(url), E' \t\n\r\f\x0B'), '?', 1), '#', 1
            ),
            '^([A-Za-z][A-Za-z0-9+.-]*:[/\\]*|[/\\]{2,})[^/\\]*@',
            '\1'
        )
    end,
    2048
);

create or replace function imagesignals_has_screenshot(screenshot_url text) returns boolean
language sql immutable
return coalesce(
    btrim(left(screenshot_url, 4096), E' \t\n\r\f\x0B') not in ('', 'admin-manual-entry'), false
);
