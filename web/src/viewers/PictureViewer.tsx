// A picture, as large as there is room.
import { api, type ObjectPlace } from "../app/objects";
import { Picture } from "../parts/Picture";

export function PictureViewer({ place }: { place: ObjectPlace }) {
  return <div className="bigpicture"><Picture path={api(place, "picture")} name="picture" /></div>;
}
